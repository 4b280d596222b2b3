"""The explorer: one page of charts and a grid of all scores that opens offline."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import altair as alt

from imprint.analysis.exploration import CHOICES, TASK, TEXTS, in_order
from imprint.report.drawing.looks import COLOURS, MORE_COLOURS, gen_look
from imprint.report.drawing.style import GREY
from imprint.report.page.prose import terms
from imprint.store.block_cache import Blocks, block_key

if TYPE_CHECKING:
    import pandas as pd

ANY = "(any)"
SHOWN_FIRST = {"NORM": "l2/l2/l2", "AGG": "max", "shots": "full"}  # if they were run
FIVE_MEANS = {"GEN": "kmeans", "k": "5", **SHOWN_FIRST}
UNDER_AXIS = {"k": "k: proxies per class", "shots": "training images per class", "d": "d"}
METHOD = "datum.GEN + (datum.k ? ', k = ' + datum.k : '') + ', NORM ' + datum.NORM + ', AGG ' + datum.AGG"
WIDE: dict[str, Any] = {"width": "container", "height": 380}
STACKED = {"labelAngle": 0, "labelExpr": "split(datum.label, ' ')"}  # a line per word
BELOW = {"orient": "bottom", "columns": {"expr": "width < 450 ? 2 : 6"}}  # for telephones
DOTS: dict[str, Any] = {"filled": True, "size": 70}
GUIDE: dict[str, Any] = {"color": GREY, "strokeDash": [4, 3]}
PALETTE = [*COLOURS, *MORE_COLOURS]
LOOKS: dict[str, Any] = {
    "axis": {"labelFontSize": 12, "titleFontSize": 13},
    "legend": {**BELOW, "labelFontSize": 12, "labelLimit": 300},
    "range": {"category": PALETTE},
    "title": {"orient": "bottom", "fontSize": 13},
    "tooltipFormat": {"numberFormat": ".2f"},
}


def page(
    table: pd.DataFrame,
    template: str,
    named: Mapping[str, Mapping[str, str]],
    glossary: str,
    blocks: Blocks | None = None,
) -> str:
    """The page as HTML, from a Jinja template.

    table: see `imprint.analysis.exploration.explored`. named: the named methods, each as `in_words` of that module returns it.
    glossary: see `imprint.report.page.prose`. blocks: cache of the library that draws the charts, which takes a second to bundle.
    """
    import jinja2

    charts = {"lines": _lines(table), "pairs": _pairs(table, named)}
    if table["gain"].notna().any():
        charts["gains"] = _gains(table)
    rounded = table.round(2).assign(NC1=[float(f"{nc1:.3g}") for nc1 in table["NC1"]])
    data = gzip.compress(rounded.to_csv(sep="\t", index=False).encode(), mtime=0)
    # without a check against their schema, which would take longer than all else; a test checks them
    specs = {
        name: chart.configure(**LOOKS).to_json(indent=None, validate=False)
        for name, chart in charts.items()
    }
    return jinja2.Template(template).render(
        charts=specs,
        data=base64.b64encode(data).decode(),
        grid=_grid(table),
        table=table,
        terms=terms(glossary),
        vega=_vega(blocks or Blocks()),
    )


def _vega(blocks: Blocks) -> str:
    """The library that draws the charts."""
    import vl_convert

    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    key = block_key("vega", version, vl_convert.__version__)  # type: ignore[attr-defined]
    block = blocks.get(key)
    if block is None:
        block = vl_convert.javascript_bundle(vl_version=version).encode()  # type: ignore[call-arg]
        blocks.put(key, block)
    return block.decode()


def _grid(table: pd.DataFrame) -> str:
    """The grid with its libraries; `rows` in the template provides its rows."""
    from itables import JavascriptFunction, options, to_html_datatable
    from itables.javascript import generate_init_offline_itables_html

    numbers_first = "function (text, type) { return type === 'sort' ? +text || 1e9 : text; }"
    by_number = {"type": "num", "render": JavascriptFunction(numbers_first)}
    settings: dict[str, Any] = {
        "ajax": JavascriptFunction("function (_, done) { rows.then(data => done({data})); }"),
        "columnControl": ["searchDropdown"],
        "columnDefs": [{"targets": [list(table).index(name) for name in UNDER_AXIS], **by_number}],
        "format_floats_in_python": False,
        "layout": {"topStart": "info", "topEnd": "search", "bottomStart": "pageLength"},
        "text_in_header_can_be_selected": False,  # so that a click on it sorts
        "scrollX": True,
        "warn_on_undocumented_option": False,  # itables passes `ajax` on to DataTables
    }
    html = to_html_datatable(table.head(0), table_id="grid", connected=False, **settings)
    return generate_init_offline_itables_html(options.dt_bundle) + html


def _lines(table: pd.DataFrame) -> Any:
    """Accuracy over k, shots or d."""
    several = [name for name in TEXTS if table[name].nunique() > 1] or ["GEN"]
    axes = [name for name in UNDER_AXIS if name in several] or ["k"]
    colours = sorted(several, key=lambda name: name != "GEN")
    first = {"FM": table["FM"][0], "task": table["task"][0], **SHOWN_FIRST}
    menus, rows = _filtered(table, several, first, unless="x")
    menus = [_menu("x", "horizontal axis", axes), _menu("colour", "colour", colours), *menus]
    sums = {"accuracy": "median(accuracy)", "lowest": "min(lowest)", "highest": "max(highest)"}
    points = (
        rows.transform_calculate(position="datum[x]", line="datum[colour]")
        .transform_filter("datum.position != ''")
        .transform_aggregate(groupby=["position", "line"], rows="count()", **sums)
        # a line joins only numbers, not "all samples"
        .transform_calculate(part="isFinite(toNumber(datum.position)) ? '' : datum.position")
    )
    order = in_order(table[several].to_numpy().ravel())
    of_columns = {name: in_order(table[name]) for name in several}
    colours_of_lines = alt.Scale(domain=order, range=_colours(of_columns, order))
    legend = alt.selection_point(fields=["line"], bind="legend")
    chart = points.mark_line(point=DOTS).encode(
        x=alt.X("position:N", sort=order, title=None, axis=STACKED),
        y=alt.Y("accuracy:Q", scale={"zero": False}, title="accuracy (%)"),
        color=alt.Color(
            "line:N",
            scale=colours_of_lines,
            legend=alt.Legend(title=None, values=alt.ExprRef(f"{json.dumps(of_columns)}[colour]")),
        ),
        detail=alt.Detail("part:N"),
        opacity=alt.condition(legend, alt.value(0.9), alt.value(0.1)),
        tooltip=_tips("line:N", "position:N", *(f"{name}:Q" for name in sums), "rows:N"),
    )
    title = alt.expr(f"{UNDER_AXIS}[x]")
    return chart.properties(title=alt.Title(title), **WIDE).add_params(*menus, legend)


def _colours(of_columns: Mapping[str, list[str]], order: Iterable[str]) -> list[str]:
    """The colours of values: for GENs as in all figures, for others by their position in their column."""
    colours = {
        value: PALETTE[i % len(PALETTE)]
        for values in of_columns.values()
        for i, value in enumerate(values)
    }
    colours |= {gen: gen_look(gen).colour for gen in of_columns.get("GEN", ())}
    return [colours[value] for value in order]


def _pairs(table: pd.DataFrame, named: Mapping[str, Mapping[str, str]]) -> Any:
    """Accuracy of one method against another."""
    names = {_text(method): f"{name}: " for name, method in named.items()}
    runs = table.groupby(CHOICES, sort=False).size().reset_index(name="runs").to_dict("records")
    often = {_text(method): method["runs"] for method in runs}
    texts = sorted(often, key=lambda text: (text not in names, -often[text]))
    shown = [names.get(text, "") + text for text in texts]
    menus, rows = _filtered(table, ["shots"], SHOWN_FIRST)
    a, b = _menu("A", "A", texts, texts[0], shown), _menu("B", "B", texts, texts[:2][-1], shown)
    points = (
        rows.transform_calculate(method=METHOD)
        .transform_calculate(a="datum.method == A ? datum.accuracy : null")
        .transform_calculate(b="datum.method == B ? datum.accuracy : null")
        .transform_aggregate(a="max(a)", b="max(b)", groupby=[*TASK, "shots"])
        .transform_filter("isValid(datum.a) && isValid(datum.b)")
        .transform_calculate(gain="datum.b - datum.a")
    )
    ends = points.transform_fold(["a", "b"]).transform_aggregate(a="min(value)", b="max(value)")
    diagonal = ends.transform_filter("isValid(datum.a)").mark_rule(**GUIDE)
    dots = points.mark_point(**DOTS).encode(
        x=alt.X("a:Q", scale={"zero": False}, title="accuracy of A (%)", axis={"tickCount": 8}),
        y=alt.Y("b:Q", scale={"zero": False}, title="accuracy of B (%)"),
        tooltip=_tips(*(f"{name}:N" for name in (*TASK, "shots")), "a:Q", "b:Q", "gain:Q"),
    )
    guide = diagonal.encode(alt.X("a:Q"), alt.Y("a:Q"), alt.X2("b:Q"), alt.Y2("b:Q"))
    chart = _scatter(dots, points, guide, "B better on", "worse on")
    return chart.properties(width="container", height=480).add_params(a, b, *menus)


def _gains(table: pd.DataFrame) -> Any:
    """Gain of several proxies over NC1."""
    menus, rows = _filtered(table[table["gain"].notna()], ["shots", *CHOICES], FIVE_MEANS)
    points = rows.transform_filter("isValid(datum.gain) && datum.NC1 > 0")
    scale = alt.Scale(type="log", nice=False, padding=10)
    dots = points.mark_point(**DOTS).encode(
        x=alt.X("NC1:Q", scale=scale, title="NC1 (0 = collapsed)"),
        y=alt.Y("gain:Q", title="gain over one proxy (points)"),
        tooltip=_tips(*(f"{name}:N" for name in TEXTS), "accuracy:Q", "gain:Q", "NC1:Q"),
    )
    zero = alt.Chart().mark_rule(**GUIDE).encode(y=alt.datum(0))
    return _scatter(dots, points, zero, "gain on", "loss on").properties(**WIDE).add_params(*menus)


def _scatter(dots: Any, points: Any, guide: Any, up: str, down: str) -> Any:
    """Dots that a legend and a rectangle select, a guide, and the number of dots with `gain` above and below 0."""
    brush, legend = alt.selection_interval(), alt.selection_point(fields=["FM"], bind="legend")
    chosen = brush & legend
    words = f"'{up} ' + datum.up + ' of ' + datum.all + ' dots, {down} ' + datum.down + '; median difference '"
    counts = (
        points.transform_filter(chosen)
        .transform_calculate(up="datum.gain > 0 ? 1 : 0", down="datum.gain < 0 ? 1 : 0")
        .transform_aggregate(all="count()", up="sum(up)", down="sum(down)", median="median(gain)")
        .transform_calculate(words=f"datum.all ? {words} + format(datum.median, '+.1f') : 'no dot'")
        .mark_text(align="left", baseline="top", fontSize=13, lineBreak="; ")
        .encode(alt.Text("words:N"), x=alt.value(6), y=alt.value(6))
    )
    opacity = alt.condition(chosen, alt.value(0.8), alt.value(0.1))
    dots = dots.encode(alt.Color("FM:N"), alt.Shape("FM:N"), opacity=opacity)
    return alt.layer(guide, dots.add_params(brush, legend), counts)


def _filtered(
    table: pd.DataFrame, columns: Iterable[str], first: Mapping[str, str], unless: str = "''"
) -> tuple[list[Any], Any]:
    """Menus for columns, and a chart of the rows that they select. The menu of the column that `unless` names has no effect."""
    parse = {str(name): "number" for name in table.select_dtypes("number")}
    data = alt.NamedData("rows", format=alt.CsvDataFormat(type="tsv", parse=parse))
    menus, chart = [], alt.Chart(data)
    for name in columns:
        if len(values := in_order(table[name])) > 1:
            chosen = first[name] if first.get(name) in values else ANY
            menus.append(_menu(f"of_{name}", name, [ANY, *values], chosen))
            kept = f"of_{name} == '{ANY}' || datum.{name} == of_{name}"
            chart = chart.transform_filter(f"{unless} == '{name}' || {kept}")
    return menus, chart


def _tips(*columns: str) -> list[Any]:
    """The columns that a tooltip shows; altair takes 10 ms to turn a text into one of these."""
    return [alt.Tooltip(column) for column in columns]


def _menu(name: str, label: str, values: list[str], first: str = "", shown: Any = None) -> Any:
    bind = alt.binding_select(options=values, labels=shown or values, name=label)
    return alt.param(name, value=first or values[0], bind=bind)


def _text(method: Mapping[Any, Any]) -> str:
    """A method as the expression `METHOD` writes it."""
    k = f", k = {method['k']}" if method["k"] else ""
    return f"{method['GEN']}{k}, NORM {method['NORM']}, AGG {method['AGG']}"
