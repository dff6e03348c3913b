import numpy as np
import pytest
import torch
from diffusers import WanVACEPipeline
from PIL import Image

from renderer.artifacts import Footage
from renderer.backends import Inputs
from renderer.backends.diffusion.checkpoint import find_checkpoint
from renderer.backends.diffusion.pictures import cover, cover_clip
from renderer.backends.diffusion.vace import GREY, VaceModel
from renderer.errors import BackendError
from tiny_wan import clip_of, save_vace, shot_of

NAME = "wan2.1-vace-1.3b"
LOOPS = shot_of(NAME).look.model_copy(update={"loop": True})
PICTURE = clip_of(1, seed=1)
EXTEND, RESTYLE = Footage(object="c", use="extend"), Footage(object="c", use="restyle", strength=0.4)
OPEN, SHUT = Image.new("L", (64, 32), 255), Image.new("L", (64, 32), 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_vace(tmp_path_factory.mktemp("vace") / NAME)


@pytest.fixture(scope="module")
def vace(folder):
    return VaceModel(find_checkpoint(NAME, "a/b", "main", folder.parent, may_download=False), "cpu")


@pytest.fixture(scope="module")
def pipeline(folder):
    """Call diffusers' own pipeline for a shot; return uint8 (num_frames, height, width, 3)."""
    pipe = WanVACEPipeline.from_pretrained(folder)

    def frames_of(shot, **given) -> np.ndarray:
        given = {"num_frames": shot.num_frames, **given}
        video = pipe(
            prompt=shot.prompt,
            negative_prompt=shot.negative_prompt,
            width=shot.width,
            height=shot.height,
            num_inference_steps=shot.num_inference_steps,
            guidance_scale=shot.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(shot.seed),
            output_type="np",
            **given,
        ).frames
        return (video[0] * 255).round().astype(np.uint8)

    return frames_of


def mask_around(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """255 everywhere but in a box of a 64 x 32 picture."""
    mask = np.full((1, 32, 64), 255, np.uint8)
    mask[:, top:bottom, left:right] = 0
    return mask


def picture(frame: np.ndarray) -> Image.Image:
    return Image.fromarray(cover(frame, 64, 32))


GREY_FRAME = Image.new("RGB", (64, 32), (GREY, GREY, GREY))


def test_text_gives_the_frames_of_the_pipeline(vace, pipeline):
    """Without pictures, VACE is a model of words."""
    shot = shot_of(NAME)

    assert np.array_equal(pipeline(shot), vace.generate(shot, Inputs()))


def test_a_background_is_made_and_the_product_stays_pixel_for_pixel(vace, pipeline):
    """The network sees the product with the rest open; in every frame the product's own pixels come back exactly."""
    shot = shot_of(NAME, image_sha256="1", keeps_product=True)
    image = np.ascontiguousarray(cover(PICTURE[0], 64, 32))[None]
    mask = mask_around(20, 8, 44, 30)
    stays = mask[0] == 0
    shown = Image.fromarray(np.where(stays[..., None], image[0], np.uint8(GREY)))
    expected = pipeline(shot, video=9 * [shown], mask=9 * [Image.fromarray(mask[0])])

    frames = vace.decode(shot, vace.denoise(shot, Inputs(image=image, mask=mask)), in_tiles=False)

    assert (frames[:, stays] == image[0][stays]).all()
    assert np.array_equal(expected[:, ~stays], frames[:, ~stays])
    assert not np.array_equal(expected[:, stays], frames[:, stays])


def test_a_picture_and_mask_of_any_size_are_scaled_alike(vace):
    """A product photographed larger than the shot stays where its mask says."""
    small, mask = cover(PICTURE[0], 64, 32), mask_around(16, 8, 48, 24)
    large = np.repeat(np.repeat(small, 4, 0), 4, 1)[None]
    large_mask = np.repeat(np.repeat(mask, 4, 1), 4, 2)
    shot = shot_of(NAME, image_sha256="1", keeps_product=True)

    frames = vace.generate(shot, Inputs(image=large, mask=large_mask))

    assert (frames[:, mask[0] == 0] == small[mask[0] == 0]).all()


def test_given_pictures_begin_and_end_a_take(vace, pipeline):
    """The product's picture is the first frame, a last picture the last, and in a loop it is both."""
    first, last = PICTURE, clip_of(1, seed=2)
    begins = shot_of(NAME, image_sha256="1")
    both = shot_of(NAME, image_sha256="1", last_image_sha256="2")
    loop = shot_of(NAME, image_sha256="1", look=LOOPS)
    middle = 7 * [GREY_FRAME]

    assert np.array_equal(
        pipeline(begins, video=[picture(first[0]), *middle, GREY_FRAME], mask=[SHUT, *(8 * [OPEN])]),
        vace.generate(begins, Inputs(image=first)),
    )
    assert np.array_equal(
        pipeline(both, video=[picture(first[0]), *middle, picture(last[0])], mask=[SHUT, *(7 * [OPEN]), SHUT]),
        vace.generate(both, Inputs(image=first, last_image=last)),
    )
    assert np.array_equal(
        pipeline(loop, video=[picture(first[0]), *middle, picture(first[0])], mask=[SHUT, *(7 * [OPEN]), SHUT]),
        vace.generate(loop, Inputs(image=first)),
    )


def test_a_continuation_sees_the_end_of_the_clip_and_holds_only_new_frames(vace, pipeline):
    """Sixteen frames of footage are shown to the network; the take begins after them."""
    shot = shot_of(NAME, footage=EXTEND)
    clip = clip_of(30)
    shown = [Image.fromarray(frame) for frame in cover_clip(clip[-16:], 64, 32)]
    expected = pipeline(shot, video=[*shown, *(9 * [GREY_FRAME])], mask=[*(16 * [SHUT]), *(9 * [OPEN])], num_frames=25)[
        16:
    ]

    frames = vace.generate(shot, Inputs(clip=clip))

    assert frames.shape == (9, 32, 64, 3)
    assert np.array_equal(expected, frames)
    assert vace.generate(shot, Inputs(clip=clip[:6])).shape == (9, 32, 64, 3)
    assert not np.array_equal(frames, vace.generate(shot, Inputs(clip=clip_of(30, seed=5))))


def test_a_clip_painted_anew_keeps_shapes_not_colours(vace, pipeline):
    """The network sees the clip in grey, the less strongly the less shall stay."""
    shot = shot_of(NAME, footage=RESTYLE)
    clip = clip_of(9)
    grey = [Image.fromarray(frame).convert("L").convert("RGB") for frame in cover_clip(clip, 64, 32)]
    expected = pipeline(shot, video=grey, mask=9 * [OPEN], conditioning_scale=0.6)

    frames = vace.generate(shot, Inputs(clip=clip))

    assert np.abs(expected.astype(int) - frames).max() <= 8  # two libraries round grey differently


def test_strength_says_how_much_of_a_clip_stays(vace):
    """At full strength nothing of the clip is left; below, another clip gives another take."""

    def made(strength: float, seed: int) -> np.ndarray:
        footage = RESTYLE.model_copy(update={"strength": strength})
        return vace.generate(shot_of(NAME, footage=footage), Inputs(clip=clip_of(9, seed)))

    assert np.array_equal(made(1.0, seed=1), made(1.0, seed=2))
    assert not np.array_equal(made(0.4, seed=1), made(0.4, seed=2))


def test_a_picture_beside_footage_shows_how_the_product_looks(vace, pipeline):
    """It becomes a reference, whose latents are not part of the take."""
    shot = shot_of(NAME, footage=EXTEND, image_sha256="1")
    clip = clip_of(16)
    shown = [Image.fromarray(frame) for frame in cover_clip(clip, 64, 32)]
    expected = pipeline(
        shot,
        video=[*shown, *(9 * [GREY_FRAME])],
        mask=[*(16 * [SHUT]), *(9 * [OPEN])],
        num_frames=25,
        reference_images=[Image.fromarray(PICTURE[0])],
    )[16:]

    frames = vace.generate(shot, Inputs(clip=clip, image=PICTURE))

    assert np.array_equal(expected, frames)
    assert not np.array_equal(frames, vace.generate(shot_of(NAME, footage=EXTEND), Inputs(clip=clip)))


def test_same_seed_same_frames_other_seed_other_frames(vace):
    """A take can be made again, and retaken; the product stays in both."""
    mask = mask_around(20, 8, 44, 30)
    given = Inputs(image=cover(PICTURE[0], 64, 32)[None], mask=mask)
    first, again, other = (
        vace.generate(shot_of(NAME, image_sha256="1", keeps_product=True, seed=seed), given) for seed in (5, 5, 6)
    )

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(first[:, mask[0] == 0], other[:, mask[0] == 0])


@pytest.mark.parametrize(
    ("changes", "given", "message"),
    [
        ({"image_sha256": "1", "keeps_product": True}, Inputs(image=PICTURE), "the mask of the product is absent"),
        ({"look": LOOPS}, Inputs(), "a loop needs a picture to begin and end with"),
        ({"footage": EXTEND, "look": LOOPS, "image_sha256": "1"}, Inputs(clip=clip_of(9), image=PICTURE), "cannot come with a loop"),
        ({"footage": EXTEND}, Inputs(clip=clip_of(3)), "footage of 3 frames. wan2.1-vace-1.3b continues 4 or more."),
        ({"upscale": 2}, Inputs(), "cannot do upscale"),
        ({"width": 40}, Inputs(), "40x32 does not fit wan2.1-vace-1.3b. It makes multiples of 16 pixels."),
    ],
)  # fmt: skip
def test_a_shot_that_does_not_fit_is_refused_in_words(vace, changes, given, message):
    """What excludes each other, is missing or too short is said before it starts."""
    with pytest.raises(BackendError, match=message):
        vace.denoise(shot_of(NAME, **changes), given)
