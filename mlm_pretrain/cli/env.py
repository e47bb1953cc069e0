"""`mlm-pretrain env`."""

from __future__ import annotations

from mlm_pretrain.cli.output import Json, finish, table


def env(as_json: Json = False) -> None:
    """What this machine has: versions, cores, memory, GPU, and the precision `auto` would take."""
    from mlm_pretrain.environment import environment

    facts = environment()
    finish(facts, as_json, table(["what", "value"], [[k, str(v)] for k, v in facts.items()]))
