"""The code of a network, written out for a file of its own."""

from collections.abc import Mapping
from importlib import resources


def network_code(
    module: str,
    comment: str,
    arguments: Mapping[str, object],
    *,
    shape: tuple[int, int, int],
    example: str = "",
) -> str:
    """A module of ``search/networks`` that needs only torch, and a call of its ``Network``.

    Args:
        module: name of the file, without ``.py``.
        comment: one line above the call.
        arguments: of the call, by name; written with ``repr``.
        shape: channels, height and width of one image.
        example: expression of a batch to try the network on; images of zeros when empty.
    """
    source = resources.files("search").joinpath(f"networks/{module}.py").read_text("utf-8")
    settings = "".join(_argument(name, value) for name, value in arguments.items())
    batch = example or f"torch.zeros(2, {shape[0]}, {shape[1]}, {shape[2]})"
    return (
        f"{source}\n\n# {comment}\nnet = Network(\n{settings})\n\n"
        f'if __name__ == "__main__":\n{_torch_for(source)}'
        f"    logits_BK = net({batch})\n"
        "    print(tuple(logits_BK.shape), sum(p.numel() for p in net.parameters()))\n"
    )


def _torch_for(source: str) -> str:
    return "" if "\nimport torch\n" in source else "    import torch\n\n"


def _argument(name: str, value: object) -> str:
    """One line, or one line for each member of a long sequence."""
    line = f"    {name}={value!r},\n"
    if len(line) < 100 or not isinstance(value, list | tuple):
        return line
    opening, closing = "[]" if isinstance(value, list) else "()"
    members = "".join(f"        {member!r},\n" for member in value)
    return f"    {name}={opening}\n{members}    {closing},\n"
