"""A task that waits for a person's word before GPU time is spent, if the plan is above the campaign's threshold."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import TaskAwaitingInput
from notices import tell, tell_failure
from renderer_calls import call


class SpendingGate(ApprovalOperator):
    """Lets small plans through, asks about large ones once, and skips everything after a "Reject".

    An answer that comes while Airflow still parks the task makes it try again, and asking anew would erase the answer:
    a retry parks without asking, and Airflow goes on with the answer it has.
    """

    template_fields = (*ApprovalOperator.template_fields, "run")

    def __init__(self, *, run: str, **options: Any) -> None:
        super().__init__(subject=run, ignore_downstream_trigger_rules=True, on_failure_callback=tell_failure, **options)
        self.run = run

    def execute(self, context: Any) -> Any:
        """Ask, unless the plan is small, only a plan is wanted, or the answer is known."""
        facts = self._call("look_at_gate", self._asked(context))
        if context["params"]["dry_run"] or not facts["needed"] or facts["answer"] == self.APPROVE:
            return facts["answer"] or "not needed"
        if facts["answer"] == self.REJECT:
            return self._conclude(context, self.REJECT)
        if facts["asked"]:
            raise TaskAwaitingInput(method_name="execute_complete", timeout=self.response_timeout)
        self.subject, self.body = facts["subject"], facts["body"]
        tell("approval", f"{self.subject} wait for approval", context)
        try:
            super().execute(context)
        finally:
            self._call("remember_question", self._asked(context))

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Write the answer down before anything is done about it."""
        if "error" not in event:
            user = event.get("responded_by_user") or {}
            answer = event["chosen_options"][0]
            self._call("remember_answer", self._asked(context), answer, str(user.get("name") or "Airflow"))
        return super().execute_complete(context, event)

    def _conclude(self, context: Any, answer: str) -> Any:
        self.log.info("%s, as was answered before.", answer)
        self.skip(ti=context["ti"], tasks=context["task"].get_flat_relatives(upstream=False))
        return answer

    def _call(self, name: str, *facts: Any) -> Any:
        return call(name, self.run, *facts, module="approval")

    def _asked(self, context: Any) -> str:
        # Airflow raises max_tries when a task is cleared, and only then: that is a new question, a retry is the old one
        return f"{context['dag_run'].start_date} {context['ti'].max_tries}"
