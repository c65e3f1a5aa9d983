"""The engines of the comparison, each in a process of its own.

ONNX Runtime and OpenVINO live in a worker process that is asked through a pipe and sleeps while
others run; Vitro is its command-line program, started for each round. All compute in float32
unless told otherwise.
A round gives the median latency of its iterations in milliseconds.
"""
import contextlib
import importlib.metadata
import json
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import time

import numpy as np

from measure import TICKS_PER_SECOND

HERE = pathlib.Path(__file__).resolve().parent
AVX2_SWITCHES = {"openvino": {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "vitro": {"VITRO_CPU_ISA": "avx2"}}


def hidden_avx512(folder):
    """The environment of processes in which CPUID knows nothing above AVX2."""
    if " cpuid_fault" not in pathlib.Path("/proc/cpuinfo").read_text():
        raise RuntimeError("--isa avx2 needs a CPU with CPUID faulting (cpuid_fault in "
                           "/proc/cpuinfo)\nhint: --isa avx2-switches")
    library = folder / "hide_avx512.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, HERE / "hide_avx512.c"],
                   check=True)
    return {"LD_PRELOAD": str(library)}


@contextlib.contextmanager
def environment_of(values):
    """What is started meanwhile inherits `values`."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def start_onnxruntime(onnx_path, images, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(onnx_path, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()  # no copies of input and output in the timed call
    binding.bind_cpu_input("input", images)
    binding.bind_output("logits")
    return (lambda: session.run_with_iobinding(binding),
            lambda: binding.copy_outputs_to_cpu()[0], {})


def start_openvino(onnx_path, images, threads, precision="f32"):
    import openvino

    compiled = openvino.Core().compile_model(onnx_path, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision})  # bf16 by itself, on CPUs that have it
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(images, shared_memory=True))
    return request.infer, lambda: request.get_output_tensor().data, openvino_kernels(compiled)


def openvino_kernels(compiled):
    """How often each kernel was chosen: shows the precision and the instruction set in force."""
    counts = {}
    for operation in compiled.get_runtime_model().get_ops():
        info = {key: str(operation.get_rt_info()[key].astype(str))
                for key in ("layerType", "primitiveType")}
        if "unknown" not in info["primitiveType"]:
            key = f"{info['layerType']} {info['primitiveType']}"
            counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))


STARTERS = {"onnxruntime": start_onnxruntime, "openvino": start_openvino}


def serve(connection, engine, *arguments):
    """Main function of a worker: answers "outputs" and (warmup, iterations) until None comes."""
    run, outputs, kernels = STARTERS[engine](*arguments)
    run()
    connection.send(kernels)
    while (request := connection.recv()) is not None:
        if request == "outputs":
            connection.send(np.array(outputs()))
            continue
        warmup, iterations = request
        times = []
        for _ in range(warmup + iterations):
            start = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - start))
        connection.send(statistics.median(times[warmup:]))


class Peer:
    """An engine in a worker process."""

    def __init__(self, name, onnx_path, images, threads, environment, *options):
        self.name = name
        self.version = importlib.metadata.version(name)
        context = multiprocessing.get_context("spawn")
        self.connection, remote = context.Pipe()
        self.process = context.Process(
            target=serve, args=(remote, name, str(onnx_path), images, threads, *options),
            daemon=True)
        with environment_of(environment):
            self.process.start()
        remote.close()  # so that the end of the worker is seen as the end of the pipe
        self.kernels = self.connection.recv()

    def ask(self, request):
        self.connection.send(request)
        return self.connection.recv()

    def outputs(self):
        return self.ask("outputs")

    def round(self, warmup, iterations):
        """(median ms, CPU seconds spent)."""
        before = self.cpu_seconds()
        median = self.ask((warmup, iterations))
        return median, self.cpu_seconds() - before

    def cpu_seconds(self):
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICKS_PER_SECOND

    def close(self):
        self.connection.send(None)
        self.process.join()


class Vitro:
    """The command-line program `vitro` on a plan built for this run."""

    name = "vitro"
    kernels = {}
    words = ()  # of every run

    def __init__(self, program, checkpoint, images, threads, environment, folder):
        self.program, self.threads, self.environment = program, threads, environment
        self.images, self.folder = images, folder
        self.plan = folder / "model.plan"
        self.call("build", checkpoint, "-o", self.plan)
        self.version = json.loads(self.call("doctor", "--json"))["version"]

    def call(self, *words):
        command = [str(word) for word in (self.program, *words)]
        done = subprocess.run(command, capture_output=True, text=True,
                              env=os.environ | self.environment)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def outputs(self):
        source, target = self.folder / "input.npy", self.folder / "logits.npy"
        np.save(source, self.images)
        self.call("run", self.plan, "--input", source, "--output", target, "--threads",
                  self.threads, *self.words)
        return np.load(target)

    def round(self, warmup, iterations):
        """(median ms, CPU seconds spent)."""
        before = os.times()
        report = json.loads(self.call(
            "bench", self.plan, "--json", "--threads", self.threads, "--batch", len(self.images),
            "--warmup", warmup, "--iterations", iterations, *self.words))
        after = os.times()
        spent = (after.children_user + after.children_system
                 - before.children_user - before.children_system)
        return float(report[0]["median_ms"]), spent

    def close(self):
        pass
