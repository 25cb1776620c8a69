"""What a person does with the page of `fgbg-data view` in Chromium, at a desk and on a phone."""

import io
import json
import shutil
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.served_page import get, served

from fgbg_data.codecs.pictures import encode_image
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.errors import FgbgError
from fgbg_data.fields.contrast import depth_edge_contrast
from fgbg_data.viewing.gallery import Gallery
from fgbg_data.viewing.page import export_page

pytest.importorskip("starlette", reason="starlette is not installed (extra view)")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (extra view)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (extra test)")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "window-size=1360,860"):
        options.add_argument(f"--{option}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield browser
    browser.quit()


def wait(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the page did not get there"
        time.sleep(0.05)


def loaded(browser: Any, layer: str) -> int:
    """Pictures of a layer that are there, decoded."""
    script = (
        "return [...document.querySelectorAll(`.tile img[data-layer=${arguments[0]}]`)].filter(i => i.naturalWidth)"
    )
    return len(browser.execute_script(script, layer))


def shown(browser: Any) -> int:
    return int(browser.execute_script("return document.body.dataset.shown"))


def use(browser: Any, address: str, dataset: Path, total: int) -> None:
    """Open the page, move the sliders, filter, look at a sample, and go on by keys."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    def find(selector: str) -> Any:
        return browser.find_element("css selector", selector)

    def press(*keys: str) -> None:
        ActionChains(browser).send_keys(*keys).perform()

    def slide(name: str, value: int) -> None:
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
        browser.execute_script(script, find(name), value)

    browser.get(address)
    wait(lambda: browser.execute_script("return document.body.dataset.ready") == "yes")
    assert shown(browser) == total
    wait(lambda: loaded(browser, "image") > 4)
    wait(lambda: loaded(browser, "mask") > 4)
    assert loaded(browser, "depth") == 0, "not before it is asked for"
    slide("#mask", 60)
    script = "return getComputedStyle(document.querySelector('.tile img[data-layer=mask]')).opacity"
    assert browser.execute_script(script) == "0.6"
    slide("#depth", 50)
    wait(lambda: loaded(browser, "depth") > 4)
    find(".chip[data-split=val]").click()
    val = shown(browser)
    assert 0 < val < total
    source = find("#backgrounds .source:not([hidden]) b").text
    find("#backgrounds .source:not([hidden])").click()
    assert shown(browser) <= val
    find("[data-reset=background]").click()
    find("[data-reset=splits]").click()
    assert shown(browser) == total
    find("#search").send_keys(source)
    assert 0 < shown(browser) < total
    find("[data-reset=text]").click()
    histogram = find("#histogram")
    ActionChains(browser).move_to_element_with_offset(histogram, -60, 0).click_and_hold().move_by_offset(
        60, 0
    ).release().perform()
    wait(lambda: 0 < shown(browser) < total)
    assert "%" in find("#area-value").text
    find("[data-reset=area]").click()
    browser.execute_script("document.getElementById('scroller').focus()")
    press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ENTER)
    first = find("#detail-key").text
    split = next(s for s in Manifest.read(dataset).splits if first in open_dataset(dataset, s).keys())  # noqa: SIM118
    area = open_dataset(dataset, split)[first].meta["mask_area_px"]
    wait(lambda: f"{area} px (" in find("#meta").text)
    press(Keys.ARROW_RIGHT)
    wait(lambda: find("#detail-key").text != first)
    press("b")
    assert find("#box").is_displayed()
    press(Keys.ESCAPE)
    assert not find("#detail").is_displayed()
    mistakes = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not mistakes


def open_page(browser: Any, address: str) -> None:
    browser.get("about:blank")  # so that an address with another fragment is loaded anew
    browser.get(address)
    wait(lambda: browser.execute_script("return document.body.dataset.ready") == "yes")


def run(browser: Any, script: str, *arguments: Any) -> Any:
    return browser.execute_script(script.replace("$(", "document.querySelector("), *arguments)


def order_by(browser: Any, order: str) -> None:
    run(browser, "const o = $('#order'); o.value = arguments[0]; o.dispatchEvent(new Event('change'))", order)


def first_keys(browser: Any, count: int) -> list[str]:
    """Keys of the first samples that are shown, in order."""
    return list(run(browser, "return [...shown.slice(0, arguments[0])].map(keyOf)", count))


def test_served_page_in_chromium(url: str, browser: Any, dataset: Path) -> None:
    use(browser, url, dataset, Manifest.read(dataset).samples)


def test_exported_page_in_chromium(browser: Any, dataset: Path, tmp_path: Path) -> None:
    use(browser, export_page(dataset, tmp_path / "report.html", samples=30).as_uri(), dataset, 30)


@pytest.fixture(params=["served", "exported"])
def address(request: pytest.FixtureRequest, url: str, dataset: Path, tmp_path: Path) -> str:
    """Address of the served page, and of a file with all samples."""
    return url if request.param == "served" else export_page(dataset, tmp_path / "all.html", samples=999).as_uri()


def test_masks_are_shown_at_the_start(address: str, browser: Any) -> None:
    open_page(browser, address)
    wait(lambda: loaded(browser, "mask") > 4)
    assert run(browser, "return getComputedStyle($('.tile img[data-layer=mask]')).opacity") == "0.4"
    assert run(browser, "return $('.overlay[data-layer=mask]').getAttribute('aria-pressed')") == "true"


def test_a_link_keeps_filter_order_overlay_and_sample(address: str, browser: Any, dataset: Path) -> None:
    key = sorted(open_dataset(dataset, "val").keys())[2]
    open_page(browser, address)
    run(browser, "$('.chip[data-split=val]').click()")
    order_by(browser, "area-down")
    run(browser, "$('.overlay[data-layer=depth]').click()")
    run(browser, "choose(shown.indexOf(numberOf(arguments[0]))); open_()", key)
    before = first_keys(browser, 6)
    link = browser.current_url
    open_page(browser, link)
    wait(lambda: run(browser, "return $('#detail').open"))
    assert run(browser, "return $('#detail-key').textContent") == key
    assert first_keys(browser, 6) == before
    assert run(browser, "return [$('#order').value, $('#depth').value, $('#mask').value]") == ["area-down", "100", "40"]


def test_the_back_button_goes_through_what_was_seen(address: str, browser: Any, dataset: Path) -> None:
    total = Manifest.read(dataset).samples
    open_page(browser, address)
    run(browser, "$('.chip[data-split=val]').click()")
    val = shown(browser)
    run(browser, "choose(0); open_()")
    browser.back()
    wait(lambda: not run(browser, "return $('#detail').open"))
    assert shown(browser) == val < total
    browser.back()
    wait(lambda: shown(browser) == total)
    browser.forward()
    wait(lambda: shown(browser) == val)


def test_a_link_to_what_is_not_there_says_so(url: str, browser: Any, dataset: Path) -> None:
    open_page(browser, url + "#split=nowhere&key=nobody&area=9-&order=__proto__&mask=1e9&background=%3Cb%3E")
    text = run(browser, "return $('#notice').textContent")
    assert text == "This page does not have the split nowhere, the background <b>, the sample nobody."
    assert shown(browser) == Manifest.read(dataset).samples


@pytest.mark.parametrize(
    ("order", "value"),
    [
        ("area-up", lambda sample: np.count_nonzero(sample.mask)),
        ("scale-up", lambda sample: sample.meta["scale"]),
        ("contrast-up", lambda sample: depth_edge_contrast(sample.depth, sample.mask)),
        ("contrast-weak", lambda sample: abs(depth_edge_contrast(sample.depth, sample.mask))),
    ],
)
def test_samples_are_put_in_order(
    address: str, browser: Any, dataset: Path, order: str, value: Callable[[Any], float]
) -> None:
    samples = [
        sample for split in Manifest.read(dataset).splits for sample in open_dataset(dataset, split, depth_as="codes")
    ]
    values = {sample.key: value(sample) for sample in samples}
    open_page(browser, address)
    order_by(browser, order)
    found: list[float] = []

    def is_ordered() -> bool:  # the server measures samples one after another
        found[:] = [values[key] for key in first_keys(browser, len(values))]
        return found == pytest.approx(sorted(found))

    wait(is_ordered)
    assert len(found) == len(samples)
    assert found[0] < found[-1]


def test_marked_samples_leave_the_page_as_keys(address: str, browser: Any, dataset: Path, tmp_path: Path) -> None:
    open_page(browser, address)
    keys = first_keys(browser, 3)
    for index in (0, 2):
        run(browser, "[...document.querySelectorAll('.tile')].find(t => t.index === arguments[0])"
                     ".querySelector('.tick').click()", index)  # fmt: skip
    assert run(browser, "return $('#marks-button').textContent") == "2 marked"
    open_page(browser, address)
    run(browser, "$('#marks-button').click()")
    assert run(browser, "return $('#marks-keys').value") == f"{keys[0]}\n{keys[2]}\n"
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    run(browser, "$('#marks-save').click()")
    wait(lambda: (tmp_path / "keys.txt").is_file())
    assert (tmp_path / "keys.txt").read_text().split() == [keys[0], keys[2]]
    run(browser, "$('#marks-only').click()")
    assert shown(browser) == 2
    run(browser, "$('#marks-button').click(); $('#marks-clear').click()")
    assert shown(browser) == Manifest.read(dataset).samples


def test_everything_is_in_reach_on_a_phone(address: str, browser: Any) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        open_page(browser, address)
        assert run(browser, "return document.documentElement.scrollWidth") == 390, "nothing sticks out"
        panel = browser.find_element("css selector", "aside")
        assert not panel.is_displayed()
        for name in (
            "#panel-button",
            "#order",
            ".tools .overlay[data-layer=mask]",
            ".tools .overlay[data-layer=depth]",
        ):
            box = run(browser, "return $(arguments[0]).getBoundingClientRect().toJSON()", name)
            assert 0 <= box["left"] < box["right"] <= 390, name
        browser.find_element("css selector", "#panel-button").click()
        wait(panel.is_displayed)
        wait(lambda: run(browser, "return $('aside').getBoundingClientRect().left") == 0)
        browser.find_element("css selector", ".chip[data-split=val]").click()
        browser.find_element("css selector", "#panel-close").click()
        wait(lambda: not panel.is_displayed())
        browser.find_element("css selector", ".tile").click()
        wait(lambda: run(browser, "return $('#detail').open"))
        box = run(browser, "return $('#detail').getBoundingClientRect().toJSON()")
        assert (box["left"], box["right"]) == (0, 390)
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_sample_is_described_in_words(url: str, browser: Any, dataset: Path) -> None:
    sample = open_dataset(dataset, "val")[1]
    open_page(browser, f"{url}#key={sample.key}")
    wait(lambda: run(browser, "return $('#meta').rows.length"))
    rows = dict(run(browser, "return [...$('#meta').rows].map(row => [...row.cells].map(cell => cell.textContent))"))
    assert rows["box: top, left, height, width"] == ", ".join(map(str, sample.meta["box"])) + " px"
    assert rows["index in shard"] == "1"
    assert rows["background"] == f"{sample.meta['background']} ({sample.meta['background']}.jpg)"
    assert rows["mirrored"] == ("yes" if sample.meta["mirrored"] else "no")
    assert not {"attempt", "place", "position", "key"} & set(rows)


def test_samples_of_other_programs_with_any_keys_and_meta_are_shown(browser: Any, tmp_path: Path) -> None:
    keys = ["sub/dir/0001", 'u n#%?&"<b>', "room_cat_001", "a,b"]
    meta = '{"scale": "x", "box": [1, "x"], "attempt": null, "mask_area_px": "q", "mirrored": [1]}'
    image = encode_image(np.zeros((9, 9, 3), np.uint8), "png", 0)
    (tmp_path / "train").mkdir()
    with tarfile.open(tmp_path / "train" / "x-000000.tar", "w") as tar:
        for key in keys:
            for suffix, data in (("png", image), ("json", meta.encode())):
                member = tarfile.TarInfo(f"{key}.{suffix}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    with served(tmp_path) as address:
        for key in keys:
            quoted = urllib.parse.quote(key, safe="")
            assert json.loads(get(f"{address}details/{quoted}")[1])["meta"]["scale"] == "x"
            assert get(f"{address}picture/image/{quoted}")[0] == 200
        assert np.isnan(np.frombuffer(get(f"{address}measure/scale?count=4")[1], "<f4")).all()
    page = export_page(tmp_path, tmp_path / "page.html").as_uri()
    for key in keys:
        open_page(browser, f"{page}#key={urllib.parse.quote(key)}")
        wait(lambda: run(browser, "return $('#meta').rows.length"))
        assert run(browser, "return $('#detail-key').textContent") == key
        rows = dict(run(browser, "return [...$('#meta').rows].map(row => [...row.cells].map(c => c.textContent))"))
        assert (rows["box"], rows["attempt"], rows["mask area px"]) == ('[1,"x"]', "null", "q")


def test_sources_are_shown_where_they_are_the_pictures_of_the_build(
    dataset: Path, pictures: Path, tmp_path: Path, browser: Any
) -> None:
    shutil.copytree(pictures, tmp_path, dirs_exist_ok=True)
    key = open_dataset(dataset)[0].key
    background, foreground, _ = key.split("_")
    export_page(dataset, tmp_path / "page.html", samples=999, bg=tmp_path / "bg", fg=tmp_path / "fg")
    open_page(browser, (tmp_path / "page.html").as_uri() + f"#key={key}")
    script = "return [...document.querySelectorAll('.source-picture img')].map(i => i.complete && i.naturalWidth > 0)"
    wait(lambda: run(browser, script) == [True, True])
    gallery = Gallery(dataset, bg=tmp_path / "bg", fg=tmp_path / "fg")
    assert gallery.details(key)["sources"]["background"]["shown"]
    (path,) = (tmp_path / "bg").glob(f"{background}.*")
    path.write_bytes(path.read_bytes() + b" ")
    next((tmp_path / "fg").glob(f"{foreground}.*")).unlink()
    sources = Gallery(dataset, bg=tmp_path / "bg", fg=tmp_path / "fg").details(key)["sources"]
    assert sources["background"]["problem"] == f"is another picture in {tmp_path / 'bg'} than the one in the dataset"
    assert sources["foreground"]["problem"] == f"is not in {tmp_path / 'fg'} (No such file or directory)"
    with pytest.raises(FgbgError, match="is another picture"):
        Gallery(dataset, bg=tmp_path / "bg").sources.picture("background", background, 64)
    with pytest.raises(FgbgError, match="there is no background '../room0'"):
        gallery.sources.picture("background", "../room0", 64)
