"""The site's page of the source studies: from each of their codes to the data, and back."""

import pandas as pd

from analysis.site_pages import ShownProfile, anchor, number, plain, rows_table, stamp

INTERVIEW_KINDS = ("problem", "cause", "countermeasure")
"""Kinds of themes that the joint display holds."""


def studies_page(
    shown: ShownProfile, cases: pd.DataFrame, codes: pd.DataFrame, display: pd.DataFrame
) -> str:
    """Return the page that leads from each code of the source studies to its data, and back.

    Parameters
    ----------
    shown : ShownProfile
        That the tables come from; it has run steps 15 and 60.
    cases : DataFrame
        Columns case and study, in the order of the page.
    codes : DataFrame
        Table `case_codes`.
    display : DataFrame
        Table `joint_display`: one row per theme.
    """
    head = [
        "# The five source studies and the data that speak to them\n",
        f"From the tables `case_codes` and `joint_display` of profile {shown.name}. Labels are in "
        "our own words; *read* marks a revitalization that we assigned and the study does not "
        f"name. The numbers are explained in [60]({shown.name}/60_join_cases_and_numbers.ipynb), "
        f"the studies in [15]({shown.name}/15_read_source_studies.ipynb). Where no county number "
        "stands, the county tables measure nothing of the theme.\n",
        "## From themes to data and codes\n",
        _theme_table(display, shown.name),
    ]
    titles = cases[["case", "study"]].itertuples(index=False)
    parts = [_study(codes[codes["case"] == case], study) for case, study in titles]
    return "\n".join([*head, *parts])


def _theme_table(display: pd.DataFrame, home: str) -> str:
    rows = []
    for row in display.sort_values(["kind", "theme"]).to_dict("records"):
        named = f"{row['interviews']} of {row['of_interviews']}{stamp(row['prevalence_simulated'])}"
        low, high = number(row["ci_low"]), number(row["ci_high"])
        county = ""
        if row["claim"] and pd.notna(row["estimate"]):
            county = (
                f'{plain(row["indicator_en"])}: <a href="{home}/claims.html#{row["claim"]}">'
                f"{number(row['estimate'])}</a> [{low}, {high}] {plain(row['unit'])}"
                f"{stamp(row['indicator_simulated'])}"
            )
        codes = ", ".join(_place(code) for code in row["codes"].split(";") if code)
        label = f"{anchor(row['theme'])}{plain(row['label_en'])} {plain(row['label_zh'])}"
        judged = row["judgement"].replace("_", " ")
        rows.append((row["kind"], label, codes, named, county, judged))
    head = ["kind", "theme", "codes", "named in interviews", "county number", "fit"]
    return rows_table(head, rows)


def _study(codes: pd.DataFrame, title: str) -> str:
    rows = []
    for row in codes.to_dict("records"):
        code = f"{anchor(row['code_id'])}`{row['code_id']}`"
        theme = _place(row["theme"]) if row["theme"].startswith(INTERVIEW_KINDS) else ""
        read = " (read)" if row["dimension_basis"] == "analyst" else ""
        dimension = row["dimension"] and f"{row['dimension']}{read}"
        line = "" if pd.isna(row["line"]) else row["line"]
        labels = plain(row["label_en"]), plain(row["label_zh"])
        rows.append((code, row["kind"].replace("_", " "), *labels, dimension, theme, line))
    head = ["code", "kind", "label", "", "revitalization", "theme", "line"]
    return f"\n## {plain(title)}\n\n{rows_table(head, rows)}\n"


def _place(name: str) -> str:
    """Return a link to a place of this page."""
    return f'<a href="#{name}">{name}</a>'
