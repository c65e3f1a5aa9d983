"""What the tables of tables.py and gpu_tables.py are written with."""
import json

MODELS = {"uniformer_small": "UniFormer-S", "uniformer_base": "UniFormer-B"}


def load(results, pattern):
    """[(path, content)] in the order of their names."""
    return [(path, json.loads(path.read_text())) for path in sorted(results.glob(pattern))]


def row(*cells):
    return "| " + " | ".join(cells) + " |"


def table(header, rows):
    return [row(*header), "|" + "---|" * len(header), *rows]


def plural(count, noun):
    return f"{count} {noun}" + ("s" if count > 1 else "")


def milliseconds(value):
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def model_title(model):
    return next((title for name, title in MODELS.items() if model.startswith(name)), model)
