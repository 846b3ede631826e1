"""A hand on the mouse over a drawn figure."""

from typing import Any

TRIES = 8
PATIENCE_MS = 2_000


def click_a_point(page: Any, points: Any) -> tuple[str, str]:
    """Rest on the middle of a point of the front, read its label, click until it leads somewhere.

    Plotly looks at moves some time apart, and forgets what the mouse rests on when the button goes
    down before it has looked at the last move, or when the figure is drawn anew between the two.
    A reader then clicks again, and so does this hand.

    Args:
        page: Playwright's page, which has a figure ``#figure-front``.
        points: Locator of the point.

    Returns:
        The text of the label, and the page's fragment after the click.
    """
    front = page.locator("#figure-front")
    front.evaluate("figure => figure.scrollIntoView({behavior: 'instant', block: 'center'})")
    for _ in range(TRIES):
        box = points.bounding_box()
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.move(0, 0)
        page.mouse.move(*middle)
        label = page.wait_for_selector("#figure-front .hoverlayer .hovertext", state="attached")
        text = label.text_content()
        page.mouse.click(*middle)
        if _leads_somewhere(page):
            return text, page.evaluate("location.hash")
    message = f"{TRIES} clicks on a point led nowhere"
    raise AssertionError(message)


def _leads_somewhere(page: Any) -> bool:
    from playwright.sync_api import TimeoutError as Late

    try:
        page.wait_for_function("() => /^#trial-[0-9]+$/.test(location.hash)", timeout=PATIENCE_MS)
    except Late:
        return False
    return True
