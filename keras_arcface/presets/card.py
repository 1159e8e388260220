"""The model card of a preset, written from its metadata."""

UNSTATED = "Not stated."
SECTIONS = {
    "Training data": "training_data",
    "Licence": "license",
    "Provenance": "provenance",
}


def write_card(metadata):
    """Returns a short model card in Markdown.

    Args:
        metadata: Dictionary as `save_preset` stores it.
    """
    name = metadata["name"]
    lines = [f"# {name}", ""]
    lines += [metadata.get("description", "A network for embeddings."), ""]
    lines += ["```python", "from keras_arcface import load_pretrained", ""]
    lines += [f'backbone = load_pretrained("{name}")', "```", ""]
    for title, key in SECTIONS.items():
        lines += [f"## {title}", "", metadata.get(key, UNSTATED), ""]
    lines += ["## Measured", ""]
    for result in metadata.get("results", []):
        lines += [f"- {result['what']}: {result['value']} "]
        lines += [f"  (`{result['command']}`)"]
    if not metadata.get("results"):
        lines += [UNSTATED]
    return "\n".join(lines) + "\n"
