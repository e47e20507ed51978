"""Steps that runs and benchmark cells share: make a method, score it, and describe its fit."""

from typing import Any

from redcore.data import MultimodalData, require_single_target
from redcore.methods import Method, make_method
from redcore.metrics import Collect, MoreScores, PatternReport, evaluate_patterns
from redcore.runs._request import Request

__all__ = ["evaluate_method", "facts_of_fit", "make_requested"]


def make_requested(request: Request) -> Method:
    """Make the method of a request, not yet fitted."""
    return make_method(request.method, request.preset, request.settings)


def evaluate_method(
    method: Method,
    data: MultimodalData,
    seed: int,
    more: MoreScores | None = None,
    collect: Collect | None = None,
    detailed: bool = False,
) -> PatternReport:
    """Score a fitted method on `data` under every missing pattern; see `redcore.metrics.evaluate_patterns`.

    The classes of `data` may be in another order than those of the training data. With several targets, each is scored
    on the samples with a value of it; `more` and `collect` are not available then.
    """
    if method.schema.target_kind.is_mixed:
        if more is not None or collect is not None:
            require_single_target(method.schema.target_kind, "a further score or weighting")
        target = method.schema.align(data).target
        assert target is not None
        known = [name for name in target.part_names if target.labelled(name).any()]
        views = {name: method.of_part(name) for name in known if name in (data.target or target).part_names}
        reports = {
            name: evaluate_method(view, data.of_part(name), seed, detailed=detailed) for name, view in views.items()
        }
        return PatternReport.of_parts(reports)
    return evaluate_patterns(method.predict, method.schema.align(data), seed, more, method.decide, collect, detailed)


def facts_of_fit(method: Method) -> dict[str, Any]:
    """Return final supervision weights, relative advantages, best epoch and number of steps of a fitted method."""
    return {
        "weights": getattr(method, "supervision_weight", {}),
        "relative_advantage": getattr(method, "relative_advantage", {}),
        "best_epoch": method.history.best_epoch,
        "n_steps": method.history.n_steps,
    }
