"""Estimators of Hugging Face transformers: random models of each architecture, through the real code."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.depth_models import FAMILIES, save_model
from PIL import Image

from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.depth.hf import HfEstimator
from fgbg_data.depth.hf_presets import PRESETS
from fgbg_data.depth.hub import card_licence
from fgbg_data.depth.licences import warn_of_licence
from fgbg_data.depth.registry import load_estimator
from fgbg_data.errors import EstimatorError
from fgbg_data.runtime.files import file_sha256
from fgbg_data.sample import Array
from fgbg_data.testing import EstimatorContract

METRIC = ("depth_anything_metric", "zoedepth", "glpn")


def photos(count: int, height: int, width: int, seed: int = 0) -> Array:
    """Coarse random pictures, (count, height, width, 3) uint8."""
    small = np.random.default_rng(seed).integers(0, 256, (count, 5, 6, 3)).astype(np.uint8)
    return np.stack(
        [np.asarray(Image.fromarray(each).resize((width, height), Image.Resampling.BICUBIC)) for each in small]
    )


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads only cost time on networks this small."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each family. Read only."""
    root = tmp_path_factory.mktemp("models")
    for family in FAMILIES:
        save_model(family, root / family)
    return root


@pytest.fixture
def model(models: Path, tmp_path: Path) -> Path:
    """A copy of one model, to spoil."""
    return Path(shutil.copytree(models / "depth_anything", tmp_path / "model"))


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    """Each family in turn, with all of its tests, so that it is loaded once."""
    return str(request.param)


@pytest.fixture(scope="module")
def of_family(family: str, models: Path) -> HfEstimator:
    return HfEstimator(str(models / family), batch_size=2)


class TestHf(EstimatorContract):
    @pytest.fixture
    def estimator(self, of_family: HfEstimator) -> DepthEstimator:
        return of_family


# --- the same numbers as transformers ------------------------------------------------------------------------


def test_depth_is_that_of_the_pipeline(family: str, of_family: HfEstimator, models: Path) -> None:
    """Relative models give what transformers gives; the direction of metric ones is reversed."""
    from transformers import pipeline

    reference = pipeline("depth-estimation", model=str(models / family))
    for height, width in ((64, 64), (60, 90), (75, 50)):
        image = photos(1, height, width)
        ours = of_family.estimate(image)[0]
        theirs = np.asarray(reference(Image.fromarray(image[0]))["predicted_depth"])
        assert theirs.shape == ours.shape == (height, width)
        assert np.ptp(ours) > 1e-3 * abs(ours).max(), "a flat picture would hide differences"
        if family == "depth_pro":  # theirs is in metres; ours lacks the scale that the field of view gives
            scale = np.median(theirs * ours)
            np.testing.assert_allclose(ours, scale / theirs, rtol=1e-3, atol=1e-3)  # they end at 10 km
        elif family in METRIC:  # they resize metres, we their inverse: near; the next test is exact
            assert np.corrcoef(ours.ravel(), 1 / theirs.ravel())[0, 1] > 0.99
            assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] < -0.7
        else:
            np.testing.assert_allclose(ours, theirs, atol=1e-5 * float(np.ptp(theirs)))


def test_metres_are_inverted_where_the_network_gives_them(family: str, of_family: HfEstimator, models: Path) -> None:
    """Against the network alone, called as transformers documents it."""
    import torch
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    assert of_family.identity()["output"] == ("metric" if family in METRIC else "inverse")
    if family not in METRIC:
        return
    processor = AutoImageProcessor.from_pretrained(models / family)
    network = AutoModelForDepthEstimation.from_pretrained(models / family)
    image = photos(1, 64, 96)
    inputs = processor(images=Image.fromarray(image[0]), return_tensors="pt")
    with torch.inference_mode():
        outputs = network(**inputs)
    outputs.predicted_depth = 1 / outputs.predicted_depth
    expected = processor.post_process_depth_estimation(outputs, [(64, 96)])[0]["predicted_depth"]
    np.testing.assert_allclose(of_family.estimate(image)[0], expected.numpy(), rtol=1e-4)


def test_batches_do_not_mix(of_family: HfEstimator) -> None:
    images = photos(3, 40, 56)
    together = of_family.estimate(images)
    alone = np.concatenate([of_family.estimate(image[None]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-3 * float(np.ptp(together)))


def test_no_metre_is_so_near_that_its_inverse_has_no_bound(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = HfEstimator(str(models / "glpn"))
    monkeypatch.setattr(estimator._model.config, "max_depth", 0)
    assert estimator.estimate(photos(1, 64, 64)).max() == pytest.approx(100)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_near(dtype: str, models: Path) -> None:
    """What a GPU uses, on this CPU."""
    images = photos(2, 48, 64)
    half = HfEstimator(str(models / "dpt"), dtype=dtype)
    whole = load_estimator(f"hf:{models / 'dpt'}", "cpu").estimate(images)
    depth = half.estimate(images)
    assert depth.dtype == np.float32
    assert half.identity()["dtype"] == dtype
    np.testing.assert_allclose(depth, whole, atol=0.05 * float(np.ptp(whole)))


# --- which direction a model gives ---------------------------------------------------------------------------


def test_dpt_on_dinov2_gives_metres() -> None:
    from transformers import Dinov2Config, DPTConfig

    from fgbg_data.depth.hf import _output

    backbone = Dinov2Config(out_features=["stage1"], reshape_hidden_states=False)
    assert _output(DPTConfig(backbone_config=backbone), "", "x") == "metric"


def test_the_name_can_say_the_direction(models: Path) -> None:
    images = photos(1, 64, 64)
    plain, said = (load_estimator(f"hf:{models / 'dpt'}{end}", "cpu") for end in ("#inverse", "#metric"))
    assert said.name == "hf:dpt#metric"
    depth = plain.estimate(images).ravel()
    far = np.clip(depth, 0.02, None) != depth
    assert np.corrcoef(depth[~far], said.estimate(images).ravel()[~far])[0, 1] < 0
    with pytest.raises(EstimatorError, match="#up is unknown; expected #inverse or #metric"):
        load_estimator(f"hf:{models / 'dpt'}#up", "cpu")


def test_an_unknown_direction_is_an_error_until_the_user_gives_it() -> None:
    from fgbg_data.depth.hf import _output

    class Config:
        model_type = "chmv2"

    with pytest.raises(EstimatorError, match="whether a 'chmv2' model gives depth or inverse depth is not known. Use"):
        _output(Config, "", "hf:a/b")
    assert _output(Config, "metric", "hf:a/b") == "metric"


# --- identity and licence ------------------------------------------------------------------------------------


def test_identity_names_what_decides_the_output(model: Path) -> None:
    first = HfEstimator(str(model)).identity()
    assert first["name"] == "hf:model"
    assert first["weights_sha256"] == file_sha256(model / "model.safetensors")
    assert str(model) not in json.dumps(first)
    settings = json.loads((model / "preprocessor_config.json").read_text())
    (model / "preprocessor_config.json").write_text(json.dumps(settings | {"image_mean": [0.4, 0.4, 0.4]}))
    second = HfEstimator(str(model)).identity()
    assert {key for key in first if first[key] != second[key]} == {"preprocessing"}


def test_sharded_weights_have_one_digest(model: Path) -> None:
    from transformers import AutoModelForDepthEstimation

    network = AutoModelForDepthEstimation.from_pretrained(model)
    before = load_estimator(f"hf:{model}", "cpu").estimate(photos(1, 32, 32))
    (model / "model.safetensors").unlink()
    network.save_pretrained(model, max_shard_size="20KB")
    assert len(list(model.glob("model-*.safetensors"))) > 1
    estimator = HfEstimator(str(model))
    np.testing.assert_array_equal(estimator.estimate(photos(1, 32, 32)), before)
    assert re.fullmatch("[0-9a-f]{64}", str(estimator.identity()["weights_sha256"]))
    next(iter(sorted(model.glob("model-*.safetensors")))).unlink()
    with pytest.raises(EstimatorError, match=r"model-00001-of-\d+\.safetensors is missing"):
        HfEstimator(str(model))


def test_licence_of_the_card_is_recorded_and_warned_of(model: Path) -> None:
    assert HfEstimator(str(model)).identity()["licence"] == "unknown"
    (model / "README.md").write_text("---\ntags: [depth]\nlicense: cc-by-nc-4.0\n---\n# A model\nlicense: mit\n")
    identity = HfEstimator(str(model)).identity()
    assert identity["licence"] == "cc-by-nc-4.0"
    with pytest.warns(UserWarning, match="hf:model: its licence, cc-by-nc-4.0, is for non-commercial use"):
        warn_of_licence(identity)
    warn_of_licence(identity | {"licence": "Apache-2.0"})  # a warning would be an error here


@pytest.mark.parametrize("card", [None, "", "no front matter\nlicense: mit", "---\nlicence: x\n---\n", "\xff"])
def test_cards_that_name_no_licence(card: str | None, tmp_path: Path) -> None:
    if card is not None:
        (tmp_path / "README.md").write_text(card, encoding="latin-1")
    assert card_licence(tmp_path) == "unknown"


# --- the hub's cache -----------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache of the hub, and no way to the hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def put_into_cache(cache: Path, repo: str, model: Path) -> Path:
    """Lay a model out as the hub's client does; return the file that holds the weights."""
    root = cache / f"models--{repo.replace('/', '--')}"
    snapshot = root / "snapshots" / ("c" * 40)
    for folder in (snapshot, root / "blobs", root / "refs"):
        folder.mkdir(parents=True)
    (root / "refs" / "main").write_text("c" * 40)
    for path in model.iterdir():
        blob = root / "blobs" / file_sha256(path)
        shutil.copy(path, blob)
        (snapshot / path.name).symlink_to(blob)
    return (snapshot / "model.safetensors").resolve()


@pytest.mark.parametrize("name", ["depth-anything-v2-small", "hf:depth-anything/Depth-Anything-V2-Small-hf"])
def test_a_preset_comes_from_the_cache(name: str, cache: Path, models: Path) -> None:
    preset = PRESETS["depth-anything-v2-small"]
    put_into_cache(cache, preset.repo, models / "depth_anything")
    estimator = load_estimator(name, "cpu")
    identity = estimator.identity()
    assert identity["name"] == name
    assert identity["repo"] == preset.repo
    assert identity["licence"] == "Apache-2.0"
    images = photos(2, 40, 40)
    plain = load_estimator(f"hf:{models / 'depth_anything'}", "cpu")
    np.testing.assert_array_equal(estimator.estimate(images), plain.estimate(images))


def test_damaged_weights_in_the_cache(cache: Path, models: Path) -> None:
    blob = put_into_cache(cache, PRESETS["dpt-large"].repo, models / "dpt")
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    with pytest.raises(
        EstimatorError, match=r"is damaged \(its sha256 is .*fetch it again: hf download Intel/dpt-large"
    ):
        load_estimator("dpt-large", "cpu").identity()


@pytest.mark.parametrize("name", ["depth-anything-v2-small", "zoedepth", "hf:some/model"])
def test_offline_says_how_to_fetch_it(name: str, cache: Path) -> None:
    repo = PRESETS[name].repo if name in PRESETS else "some/model"
    with pytest.raises(EstimatorError) as caught:
        load_estimator(name, "cpu")
    assert str(caught.value) == (
        f"{repo} is not in the cache of this machine ({cache}) and cannot be fetched (no connection to the hub). "
        f"On a machine with network run `hf download {repo} --local-dir DIR`, copy DIR to this machine, and use "
        "depth='hf:DIR'"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs /etc/passwd")
def test_without_a_home_folder_models_are_listed_and_loading_one_is_a_clear_error(tmp_path: Path) -> None:
    code = """
import pwd
pwd.getpwuid = {}.__getitem__  # a user without a name, as containers have them
from fgbg_data import list_estimators
from fgbg_data.depth.registry import load_estimator
from fgbg_data.errors import EstimatorError
print(len(list_estimators()) > 5)
try:
    load_estimator("depth-anything-v2-small", "cpu")
except EstimatorError as error:
    print(error)
"""
    lacking = ("HOME", "HF_HOME", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in lacking}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True\n")
    assert "cannot be fetched (Could not determine home directory)" in done.stdout


def test_half_a_model_in_the_cache_is_none(cache: Path, models: Path) -> None:
    blob = put_into_cache(cache, "some/model", models / "dpt")
    blob.unlink()
    with pytest.raises(EstimatorError, match="is not in the cache of this machine"):
        load_estimator("hf:some/model", "cpu")


# --- what cannot work ----------------------------------------------------------------------------------------


def test_no_such_folder(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(EstimatorError, match="there is no such folder"):
        load_estimator(f"hf:{tmp_path / 'none'}", "cpu")
    with pytest.raises(EstimatorError, match="is neither a folder nor the name of a repository, OWNER/NAME"):
        load_estimator("hf:a/b/c", "cpu")


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file(name: str, model: Path) -> None:
    (model / name).unlink()
    with pytest.raises(EstimatorError, match=f"{re.escape(name)} is missing; expected the files that"):
        load_estimator(f"hf:{model}", "cpu")


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_damaged_file(name: str, model: Path) -> None:
    data = (model / name).read_bytes()
    (model / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(EstimatorError, match="model cannot be loaded .* Fetch the model again") as caught:
        load_estimator(f"hf:{model}", "cpu")
    assert "\n" not in str(caught.value)


def test_weights_of_another_model(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(
        json.dumps(config | {"neck_hidden_sizes": [8, 8, 8], "reassemble_factors": [2, 1, 1]})
    )
    with pytest.raises(EstimatorError, match="do not fit the model, starting with|cannot be loaded"):
        load_estimator(f"hf:{model}", "cpu")


def test_a_model_of_another_kind(model: Path) -> None:
    from transformers import ViTConfig

    ViTConfig().save_pretrained(model)
    with pytest.raises(EstimatorError, match="is a 'vit' model, not a depth model; expected one of .*depth_anything"):
        load_estimator(f"hf:{model}", "cpu")


def test_a_model_that_gives_no_depth_map(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = HfEstimator(str(models / "dpt"))

    class Nothing:
        predicted_depth = None

    monkeypatch.setattr(estimator._model, "forward", lambda **_: Nothing())
    with pytest.raises(EstimatorError, match=r"expected depth of shape \(2, h, w\), got nothing"):
        estimator.estimate(photos(2, 32, 32))
