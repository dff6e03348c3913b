"""What a Ray job runs on the head of a cluster: `python -m renderer.stage_job STAGE RUN BATCH CODE_VERSION`.

Its log goes to stdout, its account to the store. It ends with 0, with HOPELESS if another try cannot help, else with 1.
"""

from __future__ import annotations

import logging
import sys

from catalog import CatalogError
from renderer.batches import run_stage
from renderer.errors import PlanError, RenderError
from renderer.ray_jobs import HOPELESS
from renderer.settings import Settings
from renderer.versions import CODE_VERSIONS

log = logging.getLogger(__name__)


def main(stage: str, run: str, batch: str, code_version: str) -> int:
    """Do one stage of one batch that was planned elsewhere; return the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("renderer").setLevel(logging.INFO)
    log.setLevel(logging.INFO)
    try:
        if int(code_version) != CODE_VERSIONS[stage]:
            raise PlanError(
                f"{stage} has code version {CODE_VERSIONS[stage]} on the cluster, and {run} was planned with "
                f"{code_version}. Put the same adloom on both."
            )
        run_stage(stage, {"run": run, "batch": int(batch)}, Settings.from_environment())
    except (CatalogError, RenderError) as error:
        log.error("%s", error)
        return 1 if getattr(error, "retryable", False) else HOPELESS
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
