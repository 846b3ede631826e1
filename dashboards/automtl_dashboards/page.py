"""One HTML file that needs nothing else: style, plotly.js and data are inside it.

The page's own policy forbids every connection and every script but the ones written here, so that
text from a recipe or an error message could not run even if its escaping failed.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header>
$header
<nav>$navigation</nav>
</header>
<main>
$sections
</main>
<footer>$footer</footer>
<script type="application/json" id="figure-data">$data</script>
<script>$plotly</script>
<script>$script</script>
</body>
</html>
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the page.

    Attributes:
        anchor: Id for links.
        title: Heading, plain text.
        intro: HTML under the heading: how to read what follows.
        figure: A figure, if there is one.
        body: HTML under the figure.
    """

    anchor: str
    title: str
    intro: str = ""
    figure: go.Figure | None = None
    body: str = ""


def render_page(*, title: str, header: str, sections: Sequence[Section], footer: str) -> str:
    """Return the page.

    Args:
        title: Plain text.
        header: HTML above everything.
        sections: In order.
        footer: HTML below everything.
    """
    package = files("automtl_dashboards")
    script = "\n".join(
        package.joinpath(name).read_text(encoding="utf-8") for name in ("interact.js", "page.js")
    )
    plotly = get_plotlyjs()
    figures = {s.anchor: s.figure for s in sections if s.figure is not None}
    return _PAGE.substitute(
        policy=_policy([plotly, script]),
        title=html.escape(title),
        style=package.joinpath("page.css").read_text(encoding="utf-8"),
        header=header,
        navigation="".join(f"<a href='#{s.anchor}'>{html.escape(s.title)}</a>" for s in sections),
        sections="\n".join(_section_html(section) for section in sections),
        footer=footer,
        data=script_json(figure_data(figures)),
        plotly=plotly,
        script=script,
    )


def figure_data(figures: Mapping[str, go.Figure]) -> dict[str, object]:
    """Return figures as plain values, with each hover text stored once for all of them.

    A text of ``n`` panels would otherwise be written ``n`` times, which makes up most of the page
    at a thousand trials.
    """
    places: dict[str, int] = {}
    plain: dict[str, object] = {}
    for name, figure in figures.items():
        # plotly's own encoder turns NaN into null, which JSON in a browser needs.
        tree = json.loads(figure.to_json())
        for trace in tree["data"]:
            for key in ("text", "hovertext"):
                if isinstance(trace.get(key), list):
                    texts = trace.pop(key)
                    trace[f"{key}Ref"] = [places.setdefault(t, len(places)) for t in texts]
        plain[name] = tree
    return {"texts": list(places), "figures": plain}


def script_json(value: object) -> str:
    """Return JSON that cannot end the script element it is written in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def script_sum(script: str) -> str:
    """Return the word by which a content policy allows exactly this script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _policy(scripts: Sequence[str]) -> str:
    allowed = " ".join(map(script_sum, scripts))
    # plotly.js styles its elements in place, and offers the figure as a picture.
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _section_html(section: Section) -> str:
    figure = (
        f"<div class='figure' id='figure-{section.anchor}' data-figure='{section.anchor}' "
        f"style='min-height:{int(section.figure.layout.height)}px'></div>"
        if section.figure is not None
        else ""
    )
    intro = f"<p class='intro'>{section.intro}</p>" if section.intro else ""
    return (
        f"<section id='{section.anchor}'><h2>{html.escape(section.title)}</h2>"
        f"{intro}{figure}{section.body}</section>"
    )
