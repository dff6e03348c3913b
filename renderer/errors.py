"""The error tree of the renderer; every message says place, fact and what fits.

* RenderError
  x SettingsError       the environment says something that does not fit
  x PlanError           the campaign asks for what no model, voice or budget can do
      BudgetExceeded    it would cost more than its budget allows
  x BackendError        a video model or a voice failed or is not installed
      VoiceFailed       a voice failed, whatever the text: not installed, its key refused, no sound
      x VoiceDown       the service behind a voice did not answer
      ScriptFailed      a language model refused us: its key, its name, its address, its answer
      x ScriptDown      the service behind a language model did not answer
  x OutOfMemory         the GPU has too little memory for what was tried
  x MediaError          a picture, sound or video cannot be read or written
  x StoreError          the object store refused or could not be reached
  x WorkerLost          the process that worked on the item died
    StageFailed         all items of a stage failed, and may not the next time
  x JobFailed           a job on a cluster ended for good
  x ServiceError        the S3 server or Airflow did not start, or a run could not be followed
      x ClusterError    a cluster did not answer, or lost or ended a job
"""

from __future__ import annotations

from typing import ClassVar


class RenderError(Exception):
    """Base of all errors of this package; takes one message, so it survives pickling."""

    retryable: ClassVar[bool] = False


class SettingsError(RenderError):
    """The environment holds an unknown or unusable setting."""


class PlanError(RenderError):
    """The plan asks for something that cannot be made."""


class BudgetExceeded(PlanError):
    """The plan would cost more than its budget allows."""


class BackendError(RenderError):
    """A video model or a voice could not do its work."""


class VoiceFailed(BackendError):
    """A voice failed and the text is not to blame: another voice could speak it."""


class VoiceDown(VoiceFailed):
    """The service behind a voice did not answer, or asked to wait, for longer than was waited."""

    retryable: ClassVar[bool] = True


class ScriptFailed(BackendError):
    """A language model could not be asked, whatever the text."""


class ScriptDown(ScriptFailed):
    """The service behind a language model did not answer, or asked to wait, for longer than was waited."""

    retryable: ClassVar[bool] = True


class OutOfMemory(BackendError):
    """The GPU has too little memory; the same work in smaller pieces may fit."""

    retryable: ClassVar[bool] = True


class MediaError(RenderError):
    """A media file is broken or of a kind that does not fit."""


class StoreError(RenderError):
    """The object store did not do what was asked; usually worth another try."""

    retryable: ClassVar[bool] = True


class WorkerLost(RenderError):
    """The worker process died (killed, out of memory) while it had the item."""

    retryable: ClassVar[bool] = True


class StageFailed(RenderError):
    """All items of a stage failed and trying again may help; what was made is safe in the store."""

    retryable: ClassVar[bool] = True


class JobFailed(RenderError):
    """A job on a cluster ended with an error that no retry can help; the message is the job's own."""


class ServiceError(RenderError):
    """A local service did not start, stopped, or could not be reached."""


class ClusterError(ServiceError):
    """A cluster did not answer, or a job there came to nothing; usually worth another try."""

    retryable: ClassVar[bool] = True
