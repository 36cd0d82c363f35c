"""The parts page: every component in every state, in both languages, on every wall; digits that roll and stop; keys that reach all."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Serve, Server, Visit, soon
from tests.support.overflow import WALLS, overflowing

pytestmark = pytest.mark.browser
CJK = re.compile("[\u4e00-\u9fff]")
STATES = ["live", "late", "stale", "failed", "empty"]
FOCUSABLE = "a[href], button:not([disabled]), input, select, textarea, summary, [tabindex='0']"


@pytest.fixture
def server(serve: Serve, database_url: str) -> Iterator[Server]:
    with serve(database_url) as running:
        yield running


def opened(visit: Visit, server: Server, query: str = "") -> Page:
    page = visit.open(f"{server.url}/parts{query}")
    expect(page.locator(".block")).to_have_count(18)
    return page


@pytest.mark.long
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_overflows_on_any_wall_in_either_language(visit: Visit, server: Server, lang: str) -> None:
    page = opened(visit, server, f"?lang={lang}")
    page.evaluate("document.fonts.ready.then(() => null)")
    faults = {}
    for width, height in WALLS:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(600)  # drawn anew for the wall
        faults[width, height] = overflowing(page)
    assert faults == {wall: [] for wall in WALLS}


@pytest.mark.long
def test_large_letters_cut_nothing_off(visit: Visit, server: Server) -> None:
    page = opened(visit, server)
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.locator("#large-text").click()
    page.wait_for_timeout(600)
    assert overflowing(page) == []


@pytest.mark.long
def test_what_is_cut_or_small_or_outside_is_found(visit: Visit, server: Server) -> None:
    """The finder itself: three faults put there by hand."""
    page = opened(visit, server)
    page.evaluate(
        """() => {
          const put = (css, text, inside = document.body) => { const e = document.createElement("p"); e.style.cssText = css; e.textContent = text; inside.append(e); return e; };
          put("position:fixed;left:10px;top:10px;font-size:4px", "too small");
          put("position:fixed;left:calc(100vw - 20px);top:10px;white-space:nowrap", "sticks out of the window");
          const frame = put("position:fixed;left:10px;top:90px;width:20px;height:30px;overflow:hidden", "");
          put("white-space:nowrap;margin:0", "more than fits", frame);
        }"""
    )
    assert {(kind, text) for kind, _, text, _ in overflowing(page)} == {
        ("small", "too small"),
        ("outside", "sticks out of the window"),
        ("cut", "more than fits"),
    }


def test_every_part_is_there_in_every_state_and_marked_as_an_example(visit: Visit, server: Server) -> None:
    page = opened(visit, server)
    shown = page.evaluate(
        "[...document.querySelectorAll('.block-states, .block-lines')].map(b => [b.parentElement.id, "
        "[...b.querySelectorAll(':scope > .specimen > .specimen-head > .freshness')].map(e => e.className.match(/freshness-(\\w+)/)[1])])"
    )
    in_states = {name: states for name, states in shown if states}
    assert len(in_states) == 11
    assert all(states == STATES for states in in_states.values())
    assert page.evaluate("[...document.querySelectorAll('.level')].every(e => e.querySelector('.shape') && e.textContent.trim())")
    assert page.evaluate(
        "[...document.querySelectorAll('.specimen')].every(e => e.querySelector('.specimen-mark')?.textContent === '示例')"
    )
    for state, words in {"failed": "读取失败", "empty": "暂无数据"}.items():
        for name in ("headlines", "vitals", "ranking", "queues", "fan", "table"):
            expect(page.locator(f"#parts-{name} .face-{state} .face-title")).to_have_text(words)
    sources = page.evaluate("[...document.querySelectorAll('main .num')].map(e => [e.dataset.source ?? '', e.title])")
    assert len(sources) > 150
    assert [row for row in sources if " · " not in row[0] or not row[1]] == []


@pytest.mark.long
def test_no_word_is_missing_in_english(visit: Visit, server: Server) -> None:
    page = opened(visit, server, "?lang=en")
    said = page.evaluate(
        "[...document.querySelectorAll('body *:not(script)')].flatMap(e => [e.getAttribute('aria-label'), e.title, "
        "...[...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data)]).filter(Boolean)"
    )
    assert [text for text in said if CJK.search(text) and text != "中"] == []
    assert [text for text in said if "undefined" in text or "{" in text or re.fullmatch(r"[a-z]+\.[a-z_]+", text)] == []


@pytest.mark.long
def test_digits_roll_to_a_new_value_and_stop(chromium: Browser, visit: Visit, server: Server) -> None:
    """For someone who wants motion: wheels turn while a value changes, and nothing moves after that."""
    signed_in = visit.page.context.storage_state()
    context = chromium.new_context(
        viewport={"width": 960, "height": 540}, reduced_motion="no-preference", storage_state=signed_in
    )
    page = context.new_page()
    try:
        page.goto(f"{server.url}/system", wait_until="domcontentloaded")
        page.wait_for_selector(".kpi")
        show = """n => cityhelm.parts.fill(document.getElementById("rolled") ?? document.body.appendChild(Object.assign(document.createElement("b"), { id: "rolled" })), cityhelm.parts.rolling(n, { source: "a · b" }))"""
        moving = "document.getElementById('rolled').getAnimations({ subtree: true }).length"
        page.evaluate(show, "1,299")
        soon(lambda: page.evaluate(moving) == 0, "the first number to stand")
        page.evaluate("document.querySelectorAll('#rolled .wheel').forEach((e, k) => (e.mark = k))")
        page.evaluate(show, "1,304")
        assert page.evaluate(moving) == 3  # 2→3, 9→0, 9→4; the thousand stays
        soon(lambda: page.evaluate(moving) == 0, "the new number to stand")
        assert page.locator("#rolled .num").text_content() == "1,304"
        assert page.evaluate("[...document.querySelectorAll('#rolled .wheel')].map(e => e.mark)") == [0, 1, 2, 3]
        page.evaluate(show, "11,304")  # a place more: the others keep their wheels
        assert page.evaluate("[...document.querySelectorAll('#rolled .wheel')].map(e => e.mark ?? null)") == [None, 0, 1, 2, 3]
    finally:
        context.close()


@pytest.mark.long
def test_nothing_moves_for_those_who_want_no_motion(visit: Visit, server: Server) -> None:
    page = opened(visit, server)
    page.wait_for_timeout(1500)
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.locator("#parts-ticker .ticker-count").count() == 3  # one message at a time instead
    assert page.locator("#parts-ticker .ticker-moving").count() == 0


@pytest.mark.long
def test_keys_reach_every_control_and_the_focus_is_seen(visit: Visit, server: Server) -> None:
    page = opened(visit, server)
    wanted = page.evaluate(
        "sel => { const all = [...document.querySelectorAll(sel)].filter(e => e.checkVisibility()); all.forEach((e, k) => (e.reach = k)); return all.length; }",
        FOCUSABLE,
    )
    reached: set[int] = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        at = page.evaluate(
            "(() => { const e = document.activeElement; const s = getComputedStyle(e); return [e.reach ?? -1, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0]; })()"
        )
        if at[0] >= 0:
            reached.add(at[0])
            assert at[1], page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
    assert len(reached) == wanted


@pytest.mark.long
def test_a_table_is_sorted_by_its_heads_and_walked_by_arrow_keys(visit: Visit, server: Server) -> None:
    page = opened(visit, server)
    table = page.locator("#parts-table table").first
    head = table.locator("th", has_text="雨量")
    assert head.get_attribute("aria-sort") is None
    head.locator("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    values = table.locator("tbody td:last-child")
    assert values.all_inner_texts() == ["暂无数据", "118.4", "42", "0.5"]
    head.locator("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert values.all_inner_texts() == ["0.5", "42", "118.4", "暂无数据"]
    table.locator("tbody tr[tabindex='0']").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("[...document.activeElement.parentElement.children].indexOf(document.activeElement)") == 1


@pytest.mark.long
def test_a_fan_is_read_by_arrow_keys(visit: Visit, server: Server) -> None:
    page = opened(visit, server)
    plot = page.locator("[data-fan='example-live']")
    plot.focus()
    page.keyboard.press("End")
    expect(plot).to_have_attribute("aria-valuetext", re.compile("预测 .*80% 区间 .*–.*件"))
    assert page.locator(".fan-tip").is_visible()
    page.keyboard.press("Home")
    expect(plot).to_have_attribute("aria-valuetext", re.compile("实测"))
    page.evaluate("document.activeElement.blur()")
    expect(page.locator(".fan-tip")).to_be_hidden()


@pytest.mark.long
def test_pointing_at_a_number_says_where_it_comes_from(visit: Visit, server: Server) -> None:
    page = opened(visit, server)
    number = page.locator("#parts-headlines .num").first
    number.scroll_into_view_if_needed()
    title = number.get_attribute("title")
    page.wait_for_timeout(300)  # until what scrolling set in motion has ended
    number.hover()
    tip = page.locator("#lineage")
    expect(tip).to_be_visible()
    said = tip.inner_text()
    for word in (
        "数据表",
        "example",
        "查询",
        "测得",
        "收到",
        "质量",
        "良好" if "良好" in (title or "") else "质量",
        "样本数",
        "算法",
    ):
        assert word in said
    page.mouse.move(2, 2)
    expect(tip).to_be_hidden()
    assert number.get_attribute("title")
    page.locator("#parts-headlines .headline").first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(tip).to_be_visible()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_controls_and_pictures_have_names(visit: Visit, server: Server) -> None:
    page = opened(visit, server)
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, a, [role=img], [role=slider], [role=progressbar], [role=group], [role=region], nav, table")]
          .filter((e) => e.checkVisibility() && !(e.getAttribute("aria-label") || e.textContent.trim())).map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert page.evaluate(
        "[...document.querySelectorAll('[aria-hidden=true]')].every(e => !e.querySelector('button, a[href], [tabindex]'))"
    )


@pytest.mark.long
def test_the_whole_screen_is_asked_for_by_button_and_key(visit: Visit, server: Server) -> None:
    page = opened(visit, server)
    page.evaluate("() => { window.asked = 0; document.documentElement.requestFullscreen = async () => { window.asked += 1; }; }")
    page.locator("#full-screen").click()
    page.keyboard.press("f")
    assert page.evaluate("window.asked") == 2
    page.keyboard.press("Control+f")
    assert page.evaluate("window.asked") == 2
