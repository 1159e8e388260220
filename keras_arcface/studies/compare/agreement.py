"""Whether folder, data and losses are those of the protocol."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_arcface.studies.compare.contract import Candidate
from keras_arcface.studies.compare.contract import Examples
from keras_arcface.studies.compare.protocol import FILE
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.protocol import canonical


def keep_protocol(protocol: Protocol, folder: Path) -> None:
    """Writes the protocol into a folder, or finds the same one there."""
    path = folder / FILE
    if not path.exists():
        protocol.save(folder)
        return
    there = Protocol.load(path)
    if there.hash != protocol.hash:
        raise ValueError(
            f"{folder} holds a comparison under another protocol: "
            f"{'; '.join(protocol.differences(there))}. What was measured "
            "under two protocols cannot be compared. Give a new folder."
        )


def check_examples(protocol: Protocol, examples: Examples) -> None:
    """Refuses other data than the protocol's."""
    if examples.sha256 != protocol.data_hash:
        raise ValueError(
            f"The data must be that of the protocol, {protocol.data} with the "
            f"hash {protocol.data_hash[:12]}. Received: {examples.name} with "
            f"{examples.sha256[:12]}."
        )
    shape = tuple(examples.x.shape[1:])
    if shape != protocol.input_shape:
        raise ValueError(
            f"Examples must have the shape {protocol.input_shape}. Received: "
            f"{shape}."
        )


def check_candidates(
    protocol: Protocol, candidates: Mapping[str, Candidate]
) -> None:
    """Refuses losses that search other ranges than the protocol's."""
    missing = [name for name in protocol.losses if name not in candidates]
    if missing:
        raise ValueError(
            f"There is no loss called {', '.join(missing)}. There are: "
            f"{', '.join(candidates)}."
        )
    chosen = {name: candidates[name] for name in protocol.losses}
    unlike = [
        name
        for name, facts in loss_facts(chosen).items()
        if canonical(facts) != canonical(protocol.losses[name])
    ]
    if unlike:
        raise ValueError(
            "Losses must search the ranges that the protocol declares. These "
            f"have others: {', '.join(unlike)}. Start a new comparison."
        )


def loss_facts(candidates: Mapping[str, Candidate]) -> dict[str, Any]:
    """Returns the `losses` of a protocol that compares these candidates."""
    return {
        name: {
            "kind": candidate.kind,
            "search_space": {
                setting: range_.to_dict()
                for setting, range_ in candidate.search_space.items()
            },
        }
        for name, candidate in candidates.items()
    }


def check_reopen(protocol: Protocol, reopen: Mapping[str, str]) -> None:
    """Refuses a second look without a loss or a reason."""
    for loss, reason in reopen.items():
        if loss not in protocol.losses or not reason.strip():
            raise ValueError(
                "--reopen takes a loss of the comparison and a reason. "
                f"Received: {loss}={reason!r}."
            )
