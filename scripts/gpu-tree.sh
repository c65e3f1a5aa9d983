# shellcheck shell=bash disable=SC2034
# For scripts/gpu-test and scripts/gpu-bench, which source it: where the programs are.
# `--tree DIR` in the arguments names a folder that scripts/gpu-pack made; without it, a release is built. Leaves the
# other arguments in `arguments`, the programs in `bin` and the shared library in `library`.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
arguments=()
tree=
while [ $# -gt 0 ]; do
  case $1 in
    --tree)
      [ $# -ge 2 ] || { echo "--tree needs a folder" >&2; exit 2; }
      tree=$(cd "$2" && pwd)
      shift
      ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
if [ -n "$tree" ]; then
  [ -x "$tree/bin/vitro" ] || { echo "$tree: no bin/vitro, expected a folder of scripts/gpu-pack" >&2; exit 1; }
  export LD_LIBRARY_PATH="$tree/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  library=$tree/lib/libvitro.so
else
  "$root/scripts/build" release >&2
  tree=$root/build/release
  library=$tree/libvitro.so
fi

# program NAME: its path in either kind of tree.
program() {
  local path
  for path in "$tree"/{bin,.,tests/backends,tests/ops,tests/models,tests/backends/cuda,benchmarks/cuda}/"$1"; do
    if [ -x "$path" ]; then echo "$path"; return; fi
  done
  echo "$tree: no program '$1'" >&2
  return 1
}
