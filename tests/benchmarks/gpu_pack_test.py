"""What the scripts for GPU machines start is what scripts/gpu-pack packs."""
import pathlib
import re
import subprocess
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"


def packed_programs():
    """The names in the list of scripts/gpu-pack, as bash expands it."""
    text = (SCRIPTS / "gpu-pack").read_text()
    programs = re.search(r"^programs=\(.*?\)$", text, re.MULTILINE | re.DOTALL).group()
    command = f'{programs}; printf "%s\\n" "${{programs[@]##*/}}"'
    result = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True)
    return set(result.stdout.split())


class GpuPackTest(unittest.TestCase):
    def test_all_programs_that_are_started_are_packed(self):
        for script in ("gpu-test", "gpu-bench"):
            started = set(re.findall(r"\$\(program (\w+)\)", (SCRIPTS / script).read_text()))
            self.assertTrue(started, script)
            self.assertEqual(started - packed_programs(), set(), script)


if __name__ == "__main__":
    unittest.main()
