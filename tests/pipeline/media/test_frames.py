"""Between frames and planes."""

from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from pipeline.media.frames import convert_frame, guess_matrix, plane_rows, read_planes, spec_of, write_planes
from pipeline.media.native_formats import native_format, pixel_format_of
from pipeline.media.reformatter import Reformatter

NATIVE = [
    *(f"yuv{s}p{d}" for s in (420, 422, 444) for d in ("", "9le", "10le", "12le", "14le", "16le")),
    *("nv12", "p010le", "p012le", "p016le"),
    *("gray", "gray9le", "gray10le", "gray12le", "gray14le", "gray16le"),
    *("gbrp", "gbrp9le", "gbrp10le", "gbrp12le", "gbrp14le", "gbrp16le"),
]


def random_batch(spec: PlaneSpec, seed: int) -> PlaneBatch:
    batch = PlaneBatch.empty(spec, 2)
    rng = np.random.default_rng(seed)
    for plane in batch.planes:
        plane[...] = rng.integers(0, 2**spec.depth, plane.shape, dtype=np.uint32) << spec.code_shift
    return batch


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("size", [(64, 48), (37, 23), (1, 1)])
def test_planes_come_back_exactly(name: str, size: tuple[int, int]) -> None:
    frame = av.VideoFrame(*size, name)
    spec, pixel_format = spec_of(frame)
    assert pixel_format == name == pixel_format_of(spec)
    batch = random_batch(spec, 1)
    written = write_planes(batch, 1, frame)
    again = PlaneBatch.empty(spec, 3)
    read_planes(written, again, 2)
    for plane, source in zip(again.planes, batch.planes, strict=True):
        np.testing.assert_array_equal(plane[2], source[1])


@pytest.mark.parametrize("name", ["yuv420p", "yuv444p16le", "nv12", "gbrp12le", "gray16le"])
def test_samples_are_where_ffmpeg_looks_for_them(name: str) -> None:
    """An independent reader, PyAV's own, sees the samples that were written."""
    frame = av.VideoFrame(36, 22, name)
    spec, _ = spec_of(frame)
    batch = random_batch(spec, 2)
    array = write_planes(batch, 0, frame).to_ndarray()
    # PyAV puts red first, where the planes of FFmpeg's RGB are green, blue, red.
    luma = array.reshape(-1)[: 36 * 22].reshape(22, 36)
    if array.ndim == 3:
        luma = array[..., 1 if name.startswith("gbrp") else 0]
    np.testing.assert_array_equal(luma, batch.planes[0][0])


def test_frame_keeps_all_but_its_samples(make_clip: Any, tmp_path: Any) -> None:
    path = make_clip(tmp_path / "a.mp4", audio=None)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    frame = frames[3]
    frame.duration = 7
    before = (frame.pts, frame.time_base, frame.color_range, frame.colorspace, [d.type for d in frame.side_data])
    neighbour = plane_rows(frames[2], 0).copy()
    spec, _ = spec_of(frame)
    batch = random_batch(spec, 3)
    written = write_planes(batch, 0, frame)
    assert (written.pts, written.time_base, written.color_range, written.colorspace) == before[:4]
    assert [d.type for d in written.side_data] == before[4]
    assert written.duration == 7
    assert written.pict_type == PictureType.NONE
    np.testing.assert_array_equal(plane_rows(frames[2], 0), neighbour)


def test_writing_leaves_the_decoder_its_references(make_clip: Any, tmp_path: Any) -> None:
    """Frames that later ones are predicted from may be overwritten without a trace in those."""
    path = make_clip(tmp_path / "a.mp4", audio=None, frames=20)

    def decode(*, overwrite: bool) -> list[Any]:
        planes = []
        with av.open(str(path)) as container:
            container.streams.video[0].thread_type = "SLICE"
            for frame in container.decode(video=0):
                planes.append(plane_rows(frame, 0).copy())
                if overwrite:
                    spec, _ = spec_of(frame)
                    write_planes(random_batch(spec, 4), 0, frame)
        return planes

    for kept, plain in zip(decode(overwrite=True), decode(overwrite=False), strict=True):
        np.testing.assert_array_equal(kept, plain)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("yuvj420p", "yuv420p"),
        ("yuvj444p", "yuv444p"),
        ("yuyv422", "yuv422p"),
        ("uyvy422", "yuv422p"),
        ("rgb24", "gbrp"),
        ("bgra", "gbrap"),
        ("pal8", "gbrp"),
        ("rgb48le", "gbrp16le"),
        ("x2rgb10le", "gbrp10le"),
        ("yuva420p", "yuva420p"),
        ("yuva444p10be", "yuva444p10le"),
        ("yuv411p", "yuv422p"),
        ("yuv410p", "yuv420p"),
        ("yuv440p", "yuv444p"),
        ("nv21", "nv12"),
        ("nv16", "yuv422p"),
        ("p210le", "yuv422p10le"),
        ("yuv420p10be", "yuv420p10le"),
        ("monow", "gray"),
        ("ya16be", "ya16le"),
        ("gray16be", "gray16le"),
    ],
)
def test_other_formats_go_to_the_nearest_that_loses_nothing(given: str, wanted: str) -> None:
    assert native_format(given) == wanted


@pytest.mark.parametrize("name", ["yuyv422", "uyvy422", "nv16", "nv21", "yuva420p", "yuvj420p", "yuvj422p"])
def test_repacking_keeps_the_samples(name: str) -> None:
    base = {"nv21": "yuv420p", "yuva420p": "yuv420p", "yuvj420p": "yuv420p"}.get(name, "yuv422p")
    planar = av.VideoFrame(32, 16, base)
    planar.color_range = 2 if name.startswith("yuvj") else 1
    spec, _ = spec_of(planar)
    batch = random_batch(spec, 5)
    write_planes(batch, 0, planar)
    packed = planar.reformat(format=name, src_color_range=planar.color_range, dst_color_range=planar.color_range)
    packed.color_range = planar.color_range
    spec, native = spec_of(packed)
    back = convert_frame(packed, spec, native, Reformatter())
    back = back.reformat(format=base)
    for index, plane in enumerate(batch.planes):
        np.testing.assert_array_equal(plane_rows(back, index), plane[0])


def test_conversion_keeps_tags_and_times() -> None:
    frame = av.VideoFrame(32, 16, "yuvj420p")
    frame.pts, frame.duration, frame.time_base = 5, 2, 1
    frame.colorspace, frame.color_primaries, frame.color_trc = 5, 5, 6
    spec, name = spec_of(frame)
    assert spec.full_range
    converted = convert_frame(frame, spec, name, Reformatter())
    assert (converted.colorspace, converted.color_primaries, converted.color_trc, converted.color_range) == (5, 5, 6, 2)
    assert (converted.pts, converted.duration) == (5, 2)


@pytest.mark.parametrize(
    ("width", "height", "colorspace", "primaries", "matrix"),
    [
        (1920, 1080, 2, 2, Matrix.BT709),
        (1280, 720, 2, 2, Matrix.BT709),
        (720, 576, 2, 2, Matrix.BT601),
        (640, 480, 1, 2, Matrix.BT709),
        (1920, 1080, 5, 2, Matrix.BT601),
        (1920, 1080, 6, 2, Matrix.BT601),
        (640, 360, 9, 2, Matrix.BT2020),
        (640, 360, 2, 9, Matrix.BT2020),
    ],
)
def test_matrix_is_the_tag_or_the_convention(
    width: int, height: int, colorspace: int, primaries: int, matrix: Matrix
) -> None:
    assert guess_matrix(width, height, colorspace, primaries) is matrix


def test_rgb_planes_are_rgb() -> None:
    spec, _ = spec_of(av.VideoFrame(8, 8, "gbrp10le"))
    assert (spec.matrix, spec.layout, spec.depth, spec.full_range) == (Matrix.RGB, Layout.YUV444P, 10, True)


def test_a_frame_of_another_size_is_refused() -> None:
    batch = PlaneBatch.empty(PlaneSpec(8, 8), 1)
    with pytest.raises(ValueError, match="does not fit"):
        read_planes(av.VideoFrame(10, 8, "yuv420p"), batch, 0)
