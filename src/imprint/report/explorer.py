"""The explorer: one page of charts and a grid of all scores that opens offline."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from imprint.analysis.exploration import CHOICES, TASK, TEXTS, in_order
from imprint.report.drawing.looks import COLOURS
from imprint.report.drawing.style import GREY

if TYPE_CHECKING:
    import pandas as pd

ANY = "(any)"
FIRST = {"NORM": "l2/l2/l2", "AGG": "max", "shots": "full"}  # chosen first, where the study has it
AXES = {
    "k": "k: proxies per class",
    "shots": "shots: training images per class",
    "d": "d: original classes in each new one",
}
METHOD = "datum.GEN + ', k = ' + datum.k + ', NORM ' + datum.NORM + ', AGG ' + datum.AGG"
DATA = "scores"  # the one copy of the data on the page, which the template hands to every chart
DOTS: dict[str, Any] = {"filled": True, "size": 70}
GUIDE: dict[str, Any] = {"color": GREY, "strokeDash": [4, 3]}
SIZE: dict[str, Any] = {"width": "container", "height": 380}
LOOKS: dict[str, Any] = {
    "axis": {"labelFontSize": 12, "titleFontSize": 13},
    "legend": {"orient": "bottom", "columns": 6, "labelFontSize": 12, "labelLimit": 300},
    "range": {"category": [*COLOURS, "#999999", "#8B5A2B", "#A6CE39", "#7B3294"]},
    "tooltipFormat": {"numberFormat": ".2f"},
}


def page(table: pd.DataFrame, template: str, methods: Mapping[str, dict[str, str]]) -> str:
    """The page as HTML.

    Parameters
    ----------
    table : DataFrame
        See `imprint.analysis.exploration.explored`.
    template : str
        The page for Jinja.
    methods : mapping
        Methods that have a name, by it, as `imprint.analysis.exploration.in_words` gives them.
    """
    import altair as alt
    import jinja2
    import vl_convert

    charts = {"lines": _lines(table), "pairs": _pairs(table, methods)}
    if table["gain"].notna().any():
        charts["gains"] = _gains(table)
    rounded = table.round({**dict.fromkeys(table, 2), "NC1": 3})
    data = gzip.compress(rounded.to_csv(sep="\t", index=False).encode(), mtime=0)
    return jinja2.Template(template).render(
        charts={
            name: chart.configure(**LOOKS).to_json(indent=None) for name, chart in charts.items()
        },
        data=base64.b64encode(data).decode(),
        data_name=DATA,
        grid=_grid(table),
        table=table,
        axes=[name for name in AXES if table[name].nunique() > 1] or ["k"],
        vega=vl_convert.javascript_bundle(vl_version=alt.SCHEMA_VERSION[1:].rpartition(".")[0]),
    )


def _grid(table: pd.DataFrame) -> str:
    """The grid with its libraries; it takes its rows from `rows` of the template."""
    from itables import JavascriptFunction, options, to_html_datatable
    from itables.javascript import generate_init_offline_itables_html

    numbers_first = "function (text, type) { return type === 'sort' ? +text || 1e9 : text; }"
    by_number = {"type": "num", "render": JavascriptFunction(numbers_first)}
    settings: dict[str, Any] = {
        "ajax": JavascriptFunction("function (_, done) { rows.then(data => done({data})); }"),
        "columnControl": ["searchDropdown"],
        "columnDefs": [{"targets": [list(table).index(name) for name in AXES], **by_number}],
        "format_floats_in_python": False,
        "layout": {"topStart": "info", "topEnd": "search", "bottomStart": "pageLength"},
        "text_in_header_can_be_selected": False,  # so that a click on it sorts
        "scrollX": True,
        "warn_on_undocumented_option": False,  # DataTables has ajax, and itables hands it on
    }
    html = to_html_datatable(table.head(0), table_id="grid", connected=False, **settings)
    return generate_init_offline_itables_html(options.dt_bundle) + html


def _lines(table: pd.DataFrame) -> Any:
    """Accuracy over k, shots or d."""
    import altair as alt

    several = [name for name in TEXTS if table[name].nunique() > 1] or ["GEN"]
    axes = [name for name in AXES if name in several] or ["k"]
    colour = "GEN" if "GEN" in several else several[0]
    menus = [_menu("x", "horizontal axis", axes), _menu("colour", "colour", several, colour)]
    first = {"FM": table["FM"][0], "task": table["task"][0], **FIRST}
    filters, rows = _filtered(table, several, first, unless="x")
    legend = alt.selection_point(fields=["line"], bind="legend")
    order = in_order(table[several].to_numpy().ravel())
    title = " : ".join(f"x == '{name}' ? '{text}'" for name, text in AXES.items()) + " : ''"
    return (
        rows.transform_calculate(position="datum[x]", line="datum[colour]")
        .transform_filter("datum.position != ''")
        .transform_aggregate(
            accuracy="median(accuracy)",
            lowest="min(lowest)",
            highest="max(highest)",
            rows="count()",
            groupby=["position", "line"],
        )
        # a line joins numbers alone, not "all samples"
        .transform_calculate(part="isFinite(toNumber(datum.position)) ? '' : datum.position")
        .mark_line(point=DOTS)
        .encode(
            x=alt.X("position:N", sort=order, title=None, axis={"labelAngle": 0}),
            y=alt.Y("accuracy:Q", scale={"zero": False}, title="accuracy (%)"),
            color=alt.Color("line:N", sort=order, legend={"title": None}),
            detail="part:N",
            opacity=alt.condition(legend, alt.value(0.9), alt.value(0.1)),
            tooltip=["line:N", "position:N", "accuracy:Q", "lowest:Q", "highest:Q", "rows:N"],
        )
        .properties(title=alt.Title(alt.expr(title), orient="bottom", fontSize=13), **SIZE)
        .add_params(*menus, *filters, legend)
    )


def _pairs(table: pd.DataFrame, methods: Mapping[str, dict[str, str]]) -> Any:
    """A method against a method."""
    import altair as alt

    names = {_text(method): f"{name}: " for name, method in methods.items()}
    runs = table.groupby(CHOICES, sort=False).size().reset_index(name="runs")
    often = {_text(method): method["runs"] for method in runs.to_dict("records")}
    texts = [*(text for text in names if text in often), *(t for t in often if t not in names)]
    most = sorted(texts, key=lambda text: (text not in names, -often[text]))[:2]
    shown = [names.get(text, "") + text for text in texts]
    filters, rows = _filtered(table, ["shots"], FIRST)
    points = (
        rows.transform_calculate(method=METHOD)
        .transform_calculate(a="datum.method == A ? datum.accuracy : null")
        .transform_calculate(b="datum.method == B ? datum.accuracy : null")
        .transform_filter("isValid(datum.a) || isValid(datum.b)")
        .transform_aggregate(a="max(a)", b="max(b)", groupby=[*TASK, "shots"])
        .transform_filter("isValid(datum.a) && isValid(datum.b)")
        .transform_calculate(gain="datum.b - datum.a")
    )
    scale = {"zero": False}
    dots = points.mark_point(**DOTS).encode(
        x=alt.X("a:Q", scale=scale, title="accuracy of A (%)", axis={"tickCount": 8}),
        y=alt.Y("b:Q", scale=scale, title="accuracy of B (%)"),
        tooltip=[
            *(f"{name}:N" for name in (*TASK, "shots")),
            alt.Tooltip("a:Q", title="A"),
            alt.Tooltip("b:Q", title="B"),
        ],
    )
    diagonal = (
        points.transform_fold(["a", "b"])
        .transform_aggregate(low="min(value)", high="max(value)")
        .transform_filter("isValid(datum.low)")
        .mark_rule(**GUIDE)
        .encode(x="low:Q", y="low:Q", x2="high:Q", y2="high:Q")
    )
    menus = [
        _menu("A", "A", texts, min(most, key=texts.index), shown),
        _menu("B", "B", texts, max(most, key=texts.index), shown),
    ]
    return (
        _scatter(dots, points, diagonal, "B better on", "worse on")
        .properties(width=480, height=480)
        .add_params(*menus, *filters)
    )


def _gains(table: pd.DataFrame) -> Any:
    """Gain of several proxies over NC1."""
    import altair as alt

    with_gain = table[table["gain"].notna()]
    filters, rows = _filtered(with_gain, ["shots", *CHOICES], {"GEN": "kmeans", "k": "5", **FIRST})
    points = rows.transform_filter("isValid(datum.gain) && datum.NC1 > 0")
    scale = {"type": "log", "nice": False, "padding": 10}
    dots = points.mark_point(**DOTS).encode(
        x=alt.X("NC1:Q", scale=scale, title="NC1 (0 = collapsed)"),
        y=alt.Y("gain:Q", title="gain over one proxy (points)"),
        tooltip=[*(f"{name}:N" for name in TEXTS), "accuracy:Q", "gain:Q", "NC1:Q"],
    )
    zero = alt.Chart().mark_rule(**GUIDE).encode(y=alt.datum(0))
    return (
        _scatter(dots, points, zero, "gain on", "loss on").properties(**SIZE).add_params(*filters)
    )


def _scatter(dots: Any, points: Any, guide: Any, better: str, worse: str) -> Any:
    """Dots that a legend and a rectangle single out, a guide, and in words on how many dots `gain` is above and below 0."""
    import altair as alt

    legend = alt.selection_point(fields=["FM"], bind="legend")
    brush = alt.selection_interval()
    words = f"'{better} ' + datum.up + ' of ' + datum.all + ' dots, {worse} ' + datum.down + '; median ' + format(datum.median, '+.1f')"
    counts = (
        points.transform_filter(brush & legend)
        .transform_calculate(up="datum.gain > 0 ? 1 : 0", down="datum.gain < 0 ? 1 : 0")
        .transform_aggregate(all="count()", up="sum(up)", down="sum(down)", median="median(gain)")
        .transform_calculate(words=f"datum.all ? {words} : 'no dot'")
        .mark_text(align="left", baseline="top", fontSize=13)
        .encode(text="words:N", x=alt.value(6), y=alt.value(6))
    )
    opacity = alt.condition(brush & legend, alt.value(0.8), alt.value(0.1))
    dots = dots.encode(color="FM:N", shape="FM:N", opacity=opacity).add_params(brush, legend)
    return alt.layer(guide, dots, counts)


def _filtered(
    table: pd.DataFrame, columns: Iterable[str], first: Mapping[str, str], unless: str = "''"
) -> tuple[list[Any], Any]:
    """Menus for the columns with several values, and a chart of the rows that they leave.

    The menu of the column that the parameter `unless` names does not count.
    """
    import altair as alt

    parse = {str(name): "number" for name in table.select_dtypes("number")}
    data = alt.NamedData(name=DATA, format=alt.CsvDataFormat(type="tsv", parse=parse))
    menus, chart = [], alt.Chart(data)
    for name in columns:
        values = in_order(table[name])
        if len(values) > 1:
            chosen = first[name] if first.get(name) in values else ANY
            menus.append(_menu(f"of_{name}", name, [ANY, *values], chosen))
            kept = f"of_{name} == '{ANY}' || datum.{name} == of_{name}"
            chart = chart.transform_filter(f"{unless} == '{name}' || {kept}")
    return menus, chart


def _menu(
    name: str, label: str, values: list[str], first: str = "", shown: list[str] | None = None
) -> Any:
    import altair as alt

    bind = alt.binding_select(options=values, labels=shown or values, name=label)
    return alt.param(name, value=first or values[0], bind=bind)


def _text(method: Mapping[Any, Any]) -> str:
    """A method as the expression `METHOD` has it."""
    return "{GEN}, k = {k}, NORM {NORM}, AGG {AGG}".format(**method)
