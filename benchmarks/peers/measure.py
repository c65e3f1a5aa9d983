"""Interleaved rounds, the load of the machine meanwhile, and what may be concluded from them."""
import contextlib
import os
import pathlib
import platform
import random
import statistics
import time

PAUSE_SECONDS = 0.2  # the workers of the engine that just ran stop spinning
BOOTSTRAP_SAMPLES = 10000
MIN_ROUNDS = 6  # and MAX_INTERVAL: as in `vitro bench`
MAX_INTERVAL = 0.10  # width of a ratio's interval over the ratio
MAX_FOREIGN_CORES = 0.15  # in a quiet round
MAX_DISTURBED_ROUNDS = 0.25
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def realtime(wanted):
    """What is started meanwhile, if wanted, runs before all that has no such priority."""
    if wanted:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def busy_seconds():
    """CPU seconds of the whole machine that were not idle, those stolen by its host included."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, pathlib.Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND


def measured_round(engine, warmup, iterations):
    """(median ms, cores kept busy meanwhile by anything but this engine)."""
    busy, start = busy_seconds(), time.perf_counter()
    median, own = engine.round(warmup, iterations)
    elapsed = time.perf_counter() - start
    foreign = max(0.0, busy_seconds() - busy - own) / elapsed
    time.sleep(PAUSE_SECONDS)
    return median, foreign


def interleave(engines, rounds, warmup, iterations, progress):
    """{name: {"median_ms", "rounds_ms", "foreign_cores"}}; rounds go A, B, C, A, B, C, ..."""
    results = {engine.name: {"rounds_ms": [], "foreign_cores": []} for engine in engines}
    for index in range(rounds):
        for engine in engines:
            median, foreign = measured_round(engine, warmup, iterations)
            results[engine.name]["rounds_ms"].append(round(median, 4))
            results[engine.name]["foreign_cores"].append(round(foreign, 3))
        progress(index + 1, {name: values["rounds_ms"][-1] for name, values in results.items()})
    return {name: {"median_ms": statistics.median(values["rounds_ms"]), **values}
            for name, values in results.items()}


def ratio(peer_ms, vitro_ms):
    """Peer's latency over Vitro's: the median over the rounds and its bootstrap 95 % interval."""
    ratios = [peer / vitro for peer, vitro in zip(peer_ms, vitro_ms, strict=True)]
    random_numbers = random.Random(1)
    medians = [statistics.median(random_numbers.choices(ratios, k=len(ratios)))
               for _ in range(BOOTSTRAP_SAMPLES)]
    percentiles = statistics.quantiles(medians, n=40, method="inclusive")  # 2.5, 5, ... 97.5
    return {"median": round(statistics.median(ratios), 4), "low_95": round(percentiles[0], 4),
            "high_95": round(percentiles[-1], 4)}


def noise(latency, ratios):
    """Why no ratio should be quoted from these rounds; empty when nothing speaks against it."""
    reasons = []
    rounds = len(latency["vitro"]["rounds_ms"])
    if rounds < MIN_ROUNDS:
        reasons.append(f"{rounds} rounds; an interval needs {MIN_ROUNDS}")
    for peer, value in ratios.items():
        width = (value["high_95"] - value["low_95"]) / value["median"]
        if width > MAX_INTERVAL:
            reasons.append(f"{peer}: the interval is {100 * width:.0f} % of the ratio wide, "
                           f"at most {100 * MAX_INTERVAL:.0f} % is accepted")
    for name, values in latency.items():
        disturbed = sum(cores > MAX_FOREIGN_CORES for cores in values["foreign_cores"])
        if disturbed > MAX_DISTURBED_ROUNDS * rounds:
            reasons.append(f"{name}: in {disturbed} of {rounds} rounds other processes took more "
                           f"than {MAX_FOREIGN_CORES} cores")
    return reasons


def agreement(outputs, reference="vitro"):
    """nmse and argmax of every engine's outputs (NumPy arrays) against those of one, Vitro's."""
    expected = outputs[reference].astype("float64")
    result = {}
    for name, values in outputs.items():
        if name != reference:
            error = ((values - expected) ** 2).sum() / (expected**2).sum()
            same = (values.argmax(axis=1) == expected.argmax(axis=1)).all()
            result[name] = {"nmse": float(error), "argmax_equal": bool(same)}
    return result


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    field = {key.strip(): value.strip() for key, _, value in
             (line.partition(":") for line in info) if value}
    flags = field.get("flags", "").split()
    interesting = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16",
                   "amx_bf16", "amx_int8")
    return {"cpu": field.get("model name", platform.processor()),
            "logical_cpus": os.cpu_count(), "usable_cpus": len(os.sched_getaffinity(0)),
            "isa": [flag for flag in interesting if flag in flags],
            "kernel": platform.release(), "load_average": os.getloadavg()}
