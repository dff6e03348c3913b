"""The form that people fill in to start a run of a campaign."""

from __future__ import annotations

from airflow.sdk import Param

LIST = ["null", "array"]
PARAMS = {
    "products": Param(None, type=LIST, items={"type": "string"}, title="Only these products", description="Their ids."),
    "locales": Param(None, type=LIST, items={"type": "string"}, title="Only these locales"),
    "formats": Param(None, type=LIST, items={"type": "string"}, title="Only these formats"),
    "sample": Param(None, type=["null", "integer"], minimum=1, title="Only so many variants"),
    "whole": Param(False, type="boolean", title="Everything, not only the campaign's own sample"),
    "model": Param(None, type=["null", "string"], title="Video model", description="Empty: the campaign's own."),
    "tier": Param(None, type=["null", "string"], enum=[None, "draft", "standard", "hero"], title="Tier"),
    "gpu_hours": Param(None, type=["null", "number"], exclusiveMinimum=0, title="Another budget, in GPU hours"),
    "promote": Param(None, type=["null", "string"], title="Exactly the variants of this run (campaign/run id) again"),
    "allow_shrink": Param(False, type="boolean", title="The feed may lack as many advertised products as it does"),
    "dry_run": Param(False, type="boolean", title="Only expand and plan"),
}
