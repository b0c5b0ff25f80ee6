"""Layout of diagrams: no geometry fault whatever the graph and the labels, and checks that bite."""

from dataclasses import replace
from itertools import combinations, pairwise, product

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from analysis import figure_style
from analysis.diagrams import channels, layers, placing, text
from analysis.diagrams.checks import geometry_faults
from analysis.diagrams.layout import lay_out

NAMES = [
    "Rural disease",
    "Poverty alleviation",
    "Rural revitalization",
    "乡村内生发展",
    "Stable exit",
]
NODES = pd.DataFrame({"node": list("abcde"), "label": NAMES})
EDGES = pd.DataFrame(
    [
        ("a", "b", "targeted_by", "targeted by", "explicit", True),
        ("a", "c", "targeted_by", "targeted by", "explicit", True),
        ("b", "c", "prerequisite_of", "prerequisite of", "explicit", True),
        ("c", "b", "deepens", "深化", "analyst", True),
        ("c", "d", "enhances", "enhances", "explicit", True),
        ("d", "e", "supports", "supports", "order", True),
    ],
    columns=["source", "target", "relation", "label", "basis", "directed"],
)
LETTERS = "abcdegimnoprstuw    镇政府与合作社协同治理，（）"
LABEL = st.text(alphabet=LETTERS, min_size=1, max_size=40).filter(lambda s: s.strip() != "")
CHECKED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@st.composite
def graphs(draw):
    """Any graph of up to seven boxes: cycles, edges both ways, ties without direction, islands."""
    names = [f"n{k}" for k in range(draw(st.integers(1, 7)))]
    pairs = [(a, b) for a, b in product(names, names) if a != b]
    keys = st.tuples(st.sampled_from(pairs or [("", "")]), st.sampled_from("rst"))
    chosen = draw(st.lists(keys, max_size=10, unique=True)) if pairs else []
    words = {relation: draw(LABEL) for relation in "rst"}
    bases = st.sampled_from(["explicit", "analyst"])
    rows = [
        (a, b, r, words[r] if draw(st.booleans()) else "", draw(bases), r != "t")
        for (a, b), r in chosen
    ]
    labels = [draw(LABEL) for _ in names]
    return pd.DataFrame({"node": names, "label": labels}), pd.DataFrame(rows, columns=EDGES.columns)


# --- text


@pytest.mark.parametrize(
    "line", ["Rural revitalization", "乡村内生发展机制", "Type A：合作社 (2021)"]
)
def test_lines_are_measured_as_matplotlib_draws_them(line):
    with figure_style.style():
        drawn = Figure(dpi=600).text(0, 0, line, fontsize=7).get_window_extent().width
    assert text.line_width(line) == pytest.approx(drawn / 600 * 25.4, abs=0.05)


@CHECKED
@given(LABEL, st.floats(6, 60))
def test_broken_labels_fit_and_lose_nothing(label, room):
    lines = text.broken(label, room).split("\n")
    assert all(text.line_width(line) <= room + 1e-6 for line in lines if len(line) > 1)
    assert "".join(lines).replace(" ", "") == "".join(label.split())


def test_marks_stay_with_their_characters_and_words_stay_whole():
    lines = text.broken("贫困人口，基本（生存）需求。", 8).split("\n")
    assert not any(line[0] in "，）。" or line[-1] == "（" for line in lines)
    assert text.broken("Poverty alleviation", 16) == "Poverty\nalleviation"
    assert text.broken("Self-development", 16) == "Self-\ndevelopment"
    assert text.cut_words("Poverty alleviation", 16) == 0
    assert text.cut_words("Poverty alleviation", 12) == 1


def test_lines_of_a_label_are_about_equally_long():
    assert text.broken("稳定脱贫防止返贫", 18) == "稳定脱贫\n防止返贫"  # not seven and one


# --- layers


def test_a_layer_is_the_longest_path_and_a_cycle_is_cut_where_it_closes():
    names, ends = list("abcd"), [("a", "b"), ("b", "c"), ("a", "c"), ("c", "b"), ("d", "c")]
    assert layers.closing_edges(names, ends) == {3}
    assert layers.longest_path_layers(names, ends) == {"a": 0, "b": 1, "c": 2, "d": 1}


@CHECKED
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_without_the_closing_edges_no_cycle_is_left(pairs):
    ends = [(str(a), str(b)) for a, b in pairs if a != b]
    closing = layers.closing_edges([str(k) for k in range(8)], ends)
    rest = nx.DiGraph(end for k, end in enumerate(ends) if k not in closing)
    assert nx.is_directed_acyclic_graph(rest)
    if nx.is_directed_acyclic_graph(nx.DiGraph(ends)):
        assert not closing


def test_ordering_takes_away_crossings():
    rows, pairs = [["a", "b", "c"], ["x", "y", "z"]], [("a", "z"), ("b", "y"), ("c", "x")]
    assert layers.crossings(rows, pairs) == 3
    assert layers.crossings(layers.ordered(rows, pairs), pairs) == 0


# --- heights and tracks


@CHECKED
@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(1, 9)), min_size=1, max_size=8))
def test_settled_items_keep_order_and_gaps_and_stay_where_they_can(items):
    wanted, sizes = zip(*items, strict=True)
    centres = placing.settled(wanted, sizes, [2.0] * (len(sizes) - 1))
    needed = [(a + b) / 2 + 2 for a, b in pairwise(sizes)]
    assert (np.diff(centres) >= np.array(needed) - 1e-9).all()
    if all(b - a >= gap for (a, b), gap in zip(pairwise(wanted), needed, strict=True)):
        assert centres == pytest.approx(np.array(wanted))
    limit = sum(sizes) + 2 * len(sizes)
    held = placing.settled(wanted, sizes, [2.0] * (len(sizes) - 1), limit=limit / 2)
    assert held[0] - sizes[0] / 2 >= -limit / 2 - 1e-9
    assert held[-1] + sizes[-1] / 2 <= limit / 2 + 1e-9


@pytest.mark.parametrize(
    ("wanted", "barred"),
    [([2.0, 3.0], [[], []]), ([3.0, 3.0], [[3.0], [3.0, 5.5]]), ([9.0, 0.0], [[], [6.0]])],
)
def test_ends_of_lines_are_placed_as_an_exhaustive_search_places_them(wanted, barred):
    low, high, room, step = 0.0, 9.0, channels.BELOW, channels.STEP
    found = channels.heights_between(wanted, [room, room], low, high, barred)
    grid = np.arange(0, 91) * step

    def allowed(y, k):
        free = all(abs(y - at) > channels.BARRED - 1e-9 for at in barred[k])
        return free and low + room - 1e-9 <= y <= high - channels.BELOW + 1e-9

    costs = [
        (a - wanted[0]) ** 2 + (b - wanted[1]) ** 2
        for a, b in product(grid, grid)
        if b - a >= room + channels.BELOW - 1e-9 and allowed(a, 0) and allowed(b, 1)
    ]
    own = sum((y - want) ** 2 for y, want in zip(found, wanted, strict=True))
    assert own == pytest.approx(min(costs))
    assert all(allowed(y, k) for k, y in enumerate(found))


def test_a_box_that_is_too_low_for_its_lines_is_an_error():
    with pytest.raises(ValueError, match="find no room"):
        channels.heights_between([1.0, 2.0], [1.2, 1.2], 0.0, 4.0, [[], []])


def test_lines_in_one_track_do_not_meet_and_downward_ones_do_not_cross():
    ends = [
        ("a", "x", 0.0, 10.0),
        ("b", "y", 3.0, 13.0),
        ("c", "z", 20.0, 25.0),
        ("d", "w", 30, 30),
    ]
    hops = [channels.Hop(k, 0, (k,), (a,), (b,), None) for k, (a, b, _, _) in enumerate(ends)]
    heights: dict[channels.Port, float]
    heights = {(k, "left", a): y for k, (a, _, y, _) in enumerate(ends)}
    heights |= {(k, "right", b): y for k, (_, b, _, y) in enumerate(ends)}
    assert channels.tracks(hops, heights) == {1: 0, 0: 1, 2: 0}  # the last is straight


@pytest.mark.parametrize("down", [False, True])
def test_a_chain_runs_straight_though_its_boxes_differ_in_size(down):
    chain = pd.DataFrame(
        [(a, b, f"{a}{b}", "leads to", "explicit", True) for a, b in pairwise("abcde")],
        columns=EDGES.columns,
    )
    diagram = lay_out(NODES, chain, down=down)
    across = 0 if down else 1
    for points in diagram.edges["points"]:
        assert len({point[across] for point in points}) == 1


# --- the whole layout


@CHECKED
@given(graphs(), st.sampled_from([None, True, False]))
def test_no_graph_and_no_label_gives_a_fault(graph, down):
    nodes, edges = graph
    diagram = lay_out(nodes, edges, width_mm=320, down=down)
    assert geometry_faults(diagram) == []
    assert len(diagram.edges) == len(edges)
    assert list(diagram.nodes["node"]) == list(nodes["node"])


@pytest.mark.parametrize("down", [False, True])
def test_boxes_of_a_layer_share_an_edge_and_arrows_end_at_their_targets(down):
    diagram = lay_out(NODES, EDGES, down=down)
    along = "y_mm" if down else "x_mm"
    nodes = diagram.nodes.set_index("node")
    assert nodes["layer"].tolist() == [0, 1, 2, 3, 4]
    assert nodes.groupby("layer")[along].nunique().eq(1).all()
    assert nodes[along].is_monotonic_increasing
    tips = {(h["x"], h["y"]) for h in diagram.heads.to_dict("records")}
    ends = {tuple(np.round(points[-1], 4)) for points in diagram.edges["points"]}
    assert tips == ends
    back = diagram.heads[diagram.heads["direction"].isin(["left", "up"])]
    assert len(back) == 1  # c to b alone closes a cycle


def test_edges_with_one_relation_and_one_end_share_a_line_and_a_label():
    diagram = lay_out(NODES, EDGES)
    assert diagram.edges["net"].tolist() == [0, 0, 2, 3, 4, 5]
    assert sorted(diagram.labels["net"]) == [0, 2, 3, 4, 5]


def test_ties_of_each_with_each_share_a_line_but_an_incomplete_circle_does_not():
    names = list("abcd")
    ties = pd.DataFrame(
        [(a, b, "cooperates", "cooperate", "explicit", False) for a, b in combinations(names, 2)],
        columns=EDGES.columns,
    )
    nodes = pd.DataFrame({"node": names, "label": names})
    assert set(lay_out(nodes, ties).edges["net"]) == {0}
    part = lay_out(nodes, ties.iloc[:-1])
    assert len(set(part.edges["net"])) > 1
    assert part.heads.empty and geometry_faults(part) == []


def test_the_direction_is_the_one_that_cuts_fewer_words():
    wide = NODES.assign(label="Institutionalization of responsibilities")
    for down, cut in ((False, True), (True, False), (None, False)):
        labels = lay_out(wide, EDGES, width_mm=130, down=down).nodes["label"]
        assert labels.str.replace("\n", " ").ne(wide["label"]).any() == cut


def test_groups_are_layers_in_the_order_in_which_they_appear():
    grouped = NODES.assign(group=["x", "y", "y", "x", "z"])
    diagram = lay_out(grouped, EDGES)
    assert diagram.nodes["layer"].tolist() == [0, 1, 1, 0, 2]
    assert geometry_faults(diagram) == []


def test_the_page_grows_with_a_label():
    longer = NODES.assign(label=NODES["label"] + " and what follows from it in a poor village")
    assert lay_out(longer, EDGES).height_mm > lay_out(NODES, EDGES).height_mm + 5
    assert lay_out(longer, EDGES).width_mm == 180


def test_the_same_tables_give_the_same_places_and_are_left_alone():
    nodes, edges = NODES.copy(), EDGES.copy()
    one, other = lay_out(nodes, edges), lay_out(nodes, edges)
    for frame in ("nodes", "edges", "lines", "heads", "labels"):
        pd.testing.assert_frame_equal(getattr(one, frame), getattr(other, frame))
    pd.testing.assert_frame_equal(nodes, NODES)
    pd.testing.assert_frame_equal(edges, EDGES)


def test_all_violations_of_the_tables_are_listed_at_once():
    nodes = pd.concat([NODES, NODES.iloc[:1]], ignore_index=True).assign(
        label=[*NODES["label"][:4], " ", "Rural disease"]
    )
    edges = pd.concat([EDGES, EDGES.iloc[:1]], ignore_index=True)
    edges.loc[1, "target"] = "nowhere"
    edges.loc[2, "target"] = "b"
    edges.loc[3, "basis"] = "guess"
    with pytest.raises(ValueError) as error:
        lay_out(nodes, edges)
    message = str(error.value)
    for part in ("nodes row 4, label", "'a' stands twice", "edges row 1, target: 'nowhere'",
                 "edges row 2: 'b' leads to itself", "edges row 3, basis: 'guess'",
                 "edges row 6: 'a' to 'b' stands twice"):  # fmt: skip
        assert part in message
    with pytest.raises(ValueError, match="missing column"):
        lay_out(NODES, EDGES.drop(columns="basis"))
    with pytest.raises(ValueError, match="one box at least"):
        lay_out(NODES.iloc[:0], EDGES.iloc[:0])


def test_layers_that_do_not_fit_the_page_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match="change the direction or draw it wider"):
        lay_out(NODES, EDGES, width_mm=80, down=False)
    assert geometry_faults(lay_out(NODES, EDGES, width_mm=80, down=True)) == []


# --- the checks themselves: each fault is found when it is made


def _moved(diagram, frame, row, **cells):
    table = getattr(diagram, frame).copy()
    for column, value in cells.items():
        table.at[row, column] = value
    return replace(diagram, **{frame: table})


def _box(diagram, row):
    return diagram.nodes.loc[row, ["x_mm", "y_mm"]].to_dict()


FAULTS = {
    "overlap": lambda d: _moved(d, "nodes", 1, **_box(d, 2)),
    "runs through 'a'": lambda d: _moved(d, "lines", 0, x0=0.5, y0=11.0, x1=179.0, y1=11.0),
    "leaves its box": lambda d: _moved(d, "nodes", 0, label="Rural disease of a very long name"),
    "leaves the page": lambda d: replace(d, height_mm=d.height_mm / 2),
    "misses its target": lambda d: _moved(
        d, "edges", 0, points=(*d.edges["points"][0][:-1], (90.0, 3.0))
    ),
    "not drawn throughout": lambda d: replace(d, lines=d.lines[d.lines["net"] != 4]),
    "'targeted by' and 'targeted by' overlap": lambda d: replace(
        d, labels=pd.concat([d.labels, d.labels.iloc[:1]], ignore_index=True)
    ),
    "lie upon each other": lambda d: replace(
        d, lines=pd.concat([d.lines, d.lines.iloc[:1].assign(net=99)], ignore_index=True)
    ),
}


@pytest.mark.parametrize("message", FAULTS)
def test_each_fault_of_geometry_is_found(message):
    diagram = lay_out(NODES, EDGES)
    assert geometry_faults(diagram) == []
    faults = geometry_faults(FAULTS[message](diagram))
    assert any(message in fault for fault in faults), faults
