"""What can go wrong, and what each fault must get. A test of one carries `@pytest.mark.fault("name")`.

"Error" means one readable message on stderr that names the file, line or setting and the way out, an exit
code that is not 0, no traceback, and nothing already written lost. `pytest -m fault` runs them all.
"""

from __future__ import annotations

FAULTS = {
    "killed-mid-step": "resumed bitwise equal to the run never stopped; one save interval lost at most",
    "killed-mid-save": "the newest complete checkpoint is taken, and the skipped one named",
    "signals": "Ctrl-C and SIGTERM finish the step, save, say how to resume, and exit with their own code",
    "disk-full": "before: what is needed and what there is; during: old checkpoints kept, a clear error",
    "truncated-state": "the file is named, the checkpoint before is taken",
    "flipped-bit": "a checksum error that names the file",
    "missing-state": "an error, unless only the weights are asked for",
    "changed-settings": "an error that shows old → new",
    "changed-data": "an error that names both hashes, of data or tokenizer",
    "tokenizer-mismatch": "an error before the first step",
    "world-size": "the same global batch and order, or an error",
    "not-a-number": "the run stops at that step, saves nothing of it, and names the last good checkpoint",
    "nothing-masked": "cannot happen: at least one token is masked",
    "corrupt-archive": "an error that names the file; skipped and counted on request",
    "encoding": "file:line of invalid UTF-8 and NUL, replaced and counted on request; marks stripped",
    "line-endings": "one documented rule",
    "bad-row": "file:line; a cap of skipped rows on request",
    "empty-corpus": "0 documents in FILE; empty documents counted",
    "small-corpus": "an error with the size that is feasible, and the share of duplicates",
    "giant-line": "bounded time and memory; counted",
    "unseen-labels": "the labels and rows, before training",
    "malformed-tags": "file:line",
    "bad-answers": "how many, and the first rows, before training; refused over a share",
    "too-long": "512 > 128, before training",
    "too-few-rows": "an error, not a run of 0 steps",
    "used-folder": "refused without --resume or --overwrite",
    "two-runs": "the second is refused, with the first's process and host",
    "read-only": "refused before any work",
    "out-of-memory": "the initial state restored, the global batch kept",
    "hub": "before training where possible; model kept; an exit code of its own; the command to retry",
    "pickle": "refused: safetensors only",
    "remote-code": "not offered",
    "secrets": "redacted; pushed by allow-list, after a scan",
    "archive-bombs": "refused with the limit named; links and other archives refused",
    "unknown-setting": "an error with the nearest valid name, also for wrong types and misspelt flags",
    "missing-special-token": "an error that names the token and the fix",
}
