"""Draws an ad that is laid out, frame by frame: backdrop, product, then everything on top in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from renderer.artifacts import Placed
from renderer.media import Planes
from renderer.picture.canvas import Layer, Rgb, paint, smoothstep
from renderer.picture.frame import Box
from renderer.picture.ground import Fixed, Ground, Reel, Scrim, Trays, develop
from renderer.picture.packshot import Packshot, Pose
from renderer.picture.timeline import DISSOLVE_FRAMES, Part
from renderer.picture.transition import Transition

ENTER_S = 0.5  # in which a product rises into view


@dataclass(frozen=True)
class Turn:
    """What is shown of the product from a frame on: another light on it, or another picture of it."""

    shot: Packshot
    first: int
    frames: int = DISSOLVE_FRAMES  # in which it takes over


@dataclass(frozen=True)
class Appearance:
    """The product on screen in frames [first, last), turn by turn; it comes and goes as the transitions have it.

    An ad that begins with the product shows it at once: many feeds use the very first frame as the cover.
    """

    turns: tuple[Turn, ...]
    first: int
    last: int

    @property
    def stands(self) -> bool:
        """Tell whether all that is shown is cut out and stands on the floor."""
        return all(turn.shot.stands for turn in self.turns)

    @property
    def box(self) -> Box:
        """What all turns together take up."""
        boxes = [turn.shot.box for turn in self.turns]
        x, y = min(box.x for box in boxes), min(box.y for box in boxes)
        return Box(x, y, max(box.right for box in boxes) - x, max(box.bottom for box in boxes) - y)

    def paint(self, frame: Planes, number: int, frame_rate: int, transition: Transition) -> None:
        """Draw the product as it stands at frame `number`."""
        if not self.first <= number < self.last + transition.leave_frames:
            return
        time_s = (number - self.first) / frame_rate
        progress = (number - self.first) / (self.last - self.first + DISSOLVE_FRAMES)
        entered = 1.0
        if self.first > 0 and transition.kind != "flash":
            entered = smoothstep((time_s - transition.enter_after / frame_rate) / ENTER_S)
        pose = Pose.at(time_s, progress, entered)
        left = 1.0 if number < self.last else 1 - (number - self.last + 1) / (transition.leave_frames + 1)
        seen = list(self._seen(number))
        pictures = seen
        if len({id(shot.sprite) for shot, _ in seen}) == 1:  # the same picture: it must not show through
            pictures = [(seen[0][0], 1.0)]
        for shot, share in pictures:
            shot.paint_reflection(frame, pose, left * share)
        for shot, share in seen:
            shot.paint_shadow(frame, pose, left * share)
        for shot, share in pictures:
            shot.paint(frame, pose, left * share)

    def _seen(self, number: int) -> Iterator[tuple[Packshot, float]]:
        """One turn, or two while one takes over from the other, and how much of each."""
        index = max(i for i, turn in enumerate(self.turns) if turn.first <= number or i == 0)
        turn, since = self.turns[index], number - self.turns[index].first
        share = smoothstep((since + 1) / (turn.frames + 1)) if index and since < turn.frames else 1.0
        if share < 1:
            yield self.turns[index - 1].shot, 1 - share
        yield turn.shot, share


@dataclass(frozen=True)
class Show:
    """One ad, ready to be drawn frame by frame."""

    width: int
    height: int
    frame_rate: int
    parts: Sequence[Part]
    backdrops: Sequence[Ground]
    end_veil: Scrim | None  # over the end card's backdrop
    end_fill: Rgb  # what the end card is sunk in
    transition: Transition  # from part to part
    behind: Sequence[Layer]  # between the backdrop and the product
    appearances: Sequence[Appearance]
    layers: Sequence[Layer]
    placed: tuple[Placed, ...]

    @property
    def num_frames(self) -> int:
        """How many frames the ad has."""
        return self.parts[-1].last

    def frame(self, number: int) -> Planes:
        """Return one frame."""
        frame = Planes.blank(self.width, self.height)
        self.draw(number, self.trays(), frame)
        return frame

    def draw(self, number: int, trays: Trays, frame: Planes) -> None:
        """Draw one frame into the memory of `frame`, through trays that nobody else uses meanwhile."""
        develop(self._backdrop(number), number, trays, frame)
        for layer in self.behind:
            paint(frame, layer, number)
        for appearance in self.appearances:
            appearance.paint(frame, number, self.frame_rate, self.transition)
        for layer in self.layers:
            paint(frame, layer, number)

    def _backdrop(self, number: int) -> Fixed:
        """What is behind everything, with the end of the part before while it gives way."""
        index = next(index for index, part in enumerate(self.parts) if number < part.last)
        since = number - self.parts[index].first
        before, after = partial(self._part, index - 1, number), partial(self._part, index, number)
        if index == 0 or since >= self.transition.frames:
            return after()
        fill = self.end_fill if index == len(self.backdrops) else self.transition.fill
        return self.transition.between(before, after, since, fill)

    def _part(self, index: int, number: int) -> Fixed:
        start = self.parts[min(index, len(self.backdrops) - 1)].first  # the last take goes on behind the end card
        return self._reels[index].at((number - start) / self.frame_rate)

    def trays(self) -> Trays:
        """What frames are developed in, one after the other."""
        return Trays(self.width, self.height)

    @cached_property
    def _reels(self) -> list[Reel]:
        reels = [Reel.of_scene(backdrop) for backdrop in self.backdrops]
        if self.end_veil is not None:
            reels.append(Reel.of_end_card(self.backdrops[-1], self.end_fill, self.end_veil))
        return reels
