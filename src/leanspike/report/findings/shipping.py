"""The first question of a study's reader: which setting to ship, and why."""

from __future__ import annotations

from dataclasses import dataclass

from leanspike.report.findings.finding import (
    Reader,
    compared,
    in_words,
    microjoules,
    named,
    percent,
    whole,
)
from leanspike.study import Results, Setting, accuracy_noise
from leanspike.study.results.tables import digits


@dataclass(frozen=True)
class Recommendation:
    """Which setting to ship.

    Attributes
    ----------
    setting
        Its name in charts and tables; None where nothing tried can be recommended.
    reasons
        Why, what speaks against it, and what to take instead; a few sentences each.
    """

    setting: str | None
    headline: str
    numbers: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]


def shipping(results: Results) -> Recommendation | None:
    """Return the setting to ship: least energy among those no less accurate, but for noise.

    None where nothing can be said: no float network to compare with, or nothing compressed.
    """
    study = Reader(results)
    tried = study.compressed
    if study.float is None or not tried:
        return None
    if study.float.broken:
        return _broken(study.float)
    best = study.frugal(study.lossless(tried))
    return _nothing(study, study.float, tried) if best is None else _ship(study, study.float, best)


def _ship(study: Reader, base: Setting, best: Setting) -> Recommendation:
    saved = 1 - study.energy(best) / study.energy(base)
    width = study.results.file.hardware.unquantized_bits
    standard = study.standard or base
    below = 100 * (standard.accuracy.mean - best.accuracy.mean)
    most = below + 100 * accuracy_noise(best, standard)
    whose = "the float network's" if standard is base else "the longer trained float network's"
    main = study.main
    latency = best.over_seeds(lambda result: main.cost(result).latency_s).mean
    size = best.over_seeds(lambda result: result.stored_bits).mean / 8000
    whole_size = base.over_seeds(lambda result: result.stored_bits).mean / 8000
    reasons = [
        f"It takes {whole(saved)} less energy than the float network with its weights at {width} "
        f"bits, and is the setting of least energy whose accuracy cannot be told from {whose} "
        f"{percent(standard)}: {compared(best, standard)}.",
        f"The test cannot rule out a true loss of up to {most:.1f} points.",
    ]
    kept = [s for s in study.compressed if s.accuracy.mean >= standard.accuracy.mean]
    safer = study.frugal([s for s in kept if s.broken is None])
    if below > 0 and safer is not None:
        more = study.energy(safer) / study.energy(best) - 1
        reasons[-1] += (
            f" To lose nothing that was measured, take {named(safer)} instead: {percent(safer)} "
            f"right for {whole(more)} more energy ({microjoules(study.energy(safer))})."
        )
    return Recommendation(
        setting=best.name,
        headline=f"Ship {in_words(best)}.",
        numbers=(
            ("test accuracy", percent(best)),
            ("energy per inference", microjoules(study.energy(best))),
            ("less energy", whole(saved)),
            ("latency", f"{digits(1e3 * latency)} ms"),
            ("weights", f"{digits(size)} kB, from {digits(whole_size)}"),
        ),
        reasons=tuple(reasons),
    )


def _broken(base: Setting) -> Recommendation:
    return Recommendation(
        setting=None,
        headline="The float network does not work, so nothing can be compared with it.",
        numbers=(("float network", percent(base)),),
        reasons=(
            f"{base.broken}. Train longer, or with another learning rate, before compressing.",
        ),
    )


def _nothing(study: Reader, base: Setting, tried: list[Setting]) -> Recommendation:
    closest = max(tried, key=lambda setting: setting.accuracy.mean)
    saved = 1 - study.energy(closest) / study.energy(base)
    return Recommendation(
        setting=None,
        headline="Nothing tried keeps the float network's accuracy.",
        numbers=(
            ("float network", percent(base)),
            ("closest", percent(closest)),
            ("its energy", microjoules(study.energy(closest))),
        ),
        reasons=(
            f"{named(closest)} comes closest: {compared(closest, base)}, for {whole(saved)} less "
            "energy. Longer fine-tuning, more bits or less pruning may help.",
        ),
    )
