"""The command line: `python -m analysis VERB`."""

import signal
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from analysis.households.commands import OWN, RISK, check_own, check_risk, households_command
from analysis.interviews.commands import app as interviews
from analysis.parameters import choose_profile, read_profiles
from analysis.pipeline import INTERRUPTED, Outcome, run, status
from analysis.plan import Plan, make_plan
from analysis.project import Project, ProjectError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Run the compendium, say what is stale, fetch and check its sources.",
)
app.add_typer(interviews, name="interviews")
app.command("households")(households_command)
console = Console(highlight=False, soft_wrap=True)
COLOURS = {"run": "green", "fresh": "cyan", "failed": "red", "stale": "yellow"}

ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="Profile of parameters.yml.")]
SetOption = Annotated[
    list[str], typer.Option("--set", help="STEP.PARAM=VALUE; may be given several times.")
]


def main() -> None:
    """Run the command line; a problem the user can mend ends with one message and code 1."""
    try:
        app()
    except ProjectError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}")
        raise SystemExit(1) from None


@app.command("run")
def run_command(
    steps: Annotated[list[str] | None, typer.Argument(help="Steps; all unless given.")] = None,
    profile: ProfileOption = "demo",
    settings: SetOption = [],  # noqa: B006 (typer copies it)
    workers: Annotated[int, typer.Option(min=1, max=64, help="Steps at the same time.")] = 2,
    force: Annotated[bool, typer.Option(help="Run even what is fresh.")] = False,
) -> None:
    """Bring a profile up to date: run what changed and what depends on it.

    Example: python -m analysis run --profile census --set 30_build_linkage_index.alpha=0.4
    """
    from analysis.sources import fetch

    start = time.time()
    project = Project.find()
    plan = make_plan(project, profile, settings=tuple(settings), targets=tuple(steps or ()))
    signal.signal(signal.SIGINT, _interrupt)
    fetch(project, plan.sources, lambda line: console.print(f"  fetched  {escape(line)}"))
    seconds: dict[str, float] = {}

    def execute(plan: Plan, step: str) -> None:
        from analysis.execution import execute_step

        console.print(f"  [dim]start    {step}[/dim]")
        seconds[step] = execute_step(plan, step)
        console.print(f"  [green]done[/green]     {step}  {seconds[step]:.1f} s")

    outcomes = run(plan, execute, workers=workers, force=force)
    _print_summary(plan, outcomes, time.time() - start)
    if settings:
        console.print("with --set: differs from parameters.yml until the next run without it")
    if any(outcome.why == INTERRUPTED for outcome in outcomes):
        raise typer.Exit(130)
    if any(outcome.state in ("failed", "waiting") for outcome in outcomes):
        raise typer.Exit(1)


def _interrupt(number: int, frame: object) -> None:
    """Let the running steps end on the first Ctrl-C, stop at once on the second."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    console.print("  [yellow]interrupted: running steps end first, Ctrl-C again stops now[/yellow]")
    raise KeyboardInterrupt


def _print_summary(plan: Plan, outcomes: list[Outcome], seconds: float) -> None:
    steps = [outcome for outcome in outcomes if outcome.step in plan.notebooks]
    _print_outcomes([o for o in outcomes if o.state != "run"], plan.not_run)
    for outcome in (o for o in outcomes if o.state == "failed"):
        console.print(f"\n[red]{outcome.step} failed[/red]\n{escape(outcome.why)}\n")
    count = {
        state: sum(o.state == state for o in steps)
        for state in ("run", "fresh", "failed", "waiting")
    }
    words = ", ".join(f"{number} {state}" for state, number in count.items() if number)
    console.print(
        f"profile [bold]{plan.profile.name}[/bold]: {words}, {len(plan.not_run)} not run here, "
        f"{seconds:.1f} s"
    )
    for path in plan.undeclared_files():
        console.print(f"[yellow]of no step, remove it: {plan.project.shown(path)}[/yellow]")
    if not plan.is_whole:
        console.print("claims.json is brought up to date by a run of all steps")
    figures = plan.project.figures(plan.profile.name)
    stale = ", not all up to date" if count["failed"] or count["waiting"] else ""
    console.print(f"figures and claims.json: {plan.project.shown(figures)}/{stale}")


def _print_outcomes(outcomes: list[Outcome], not_run: dict[str, str]) -> None:
    for outcome in outcomes:
        colour = COLOURS.get(outcome.state, "yellow")
        why = escape(outcome.why) if outcome.state != "failed" else ""
        console.print(f"  [{colour}]{outcome.state:8}[/{colour}] {outcome.step}  [dim]{why}[/dim]")
    for step, why in not_run.items():
        console.print(f"  [dim]not run  {step}  {escape(why)}[/dim]")


@app.command("status")
def status_command(profile: ProfileOption = "demo", settings: SetOption = []) -> None:  # noqa: B006
    """Say of each step whether it is fresh, stale and why, or not run.

    Example: python -m analysis status --profile census
    """
    project = Project.find()
    plan = make_plan(project, profile, settings=tuple(settings))
    _print_outcomes(status(plan), plan.not_run)


@app.command("fetch")
def fetch_command(profile: ProfileOption = "census") -> None:
    """Bring the raw files of a profile into data/raw and verify their checksums.

    Example: COMPENDIUM_MIRROR=/media/usb python -m analysis fetch --profile census
    """
    from analysis.sources import fetch

    project = Project.find()
    sources = choose_profile(project, profile).sources
    brought = fetch(project, sources, lambda line: console.print(f"  {escape(line)}"))
    console.print(f"{len(sources)} sources verified, {len(brought)} files brought in")


@app.command("check")
def check_command(
    profile: Annotated[str, typer.Option("--profile", "-p", help="One profile only.")] = "",
    data: Annotated[
        Path | None, typer.Option(help="Household files; data/raw/households/own unless given.")
    ] = None,
) -> None:
    """Check headers, parameters, provenance cards and profiles, and own household files.

    Example: python -m analysis check --profile own --data data/raw/example_own/messy
    """
    from analysis import schemas
    from analysis.sources import missing_files

    schemas.variable("code")
    project = Project.find()
    profiles = read_profiles(project.parameters)
    if profile:
        choose_profile(project, profile)
    for name in [profile] if profile else profiles:
        plan = make_plan(project, name)
        missing = missing_files(project, plan.profile.sources)
        absent = f", to be fetched: {', '.join(missing)}" if missing else ""
        console.print(
            f"profile {name}: {len(plan.selected)} steps, {len(plan.not_run)} not run{absent}"
        )
    own = project.source(OWN)
    if data is not None or (profile and OWN in profiles[profile].sources and own.is_dir()):
        check_own(data or own)
    risk = project.source(RISK)
    if profile and data is None and RISK in profiles[profile].sources and risk.is_dir():
        check_risk(own, risk)


@app.command("refresh")
def refresh_command(profile: ProfileOption = "demo") -> None:
    """Copy the outputs of the executed notebooks into notebooks/, before a commit.

    Example: python -m analysis refresh
    """
    from analysis.execution import refresh_outputs

    for refreshed in refresh_outputs(make_plan(Project.find(), profile)):
        console.print(f"  {'updated' if refreshed.changed else 'same':8} {refreshed.step}")


@app.command("site")
def site_command(
    profiles: Annotated[
        list[str], typer.Option("--profile", "-p", help="May be given several times.")
    ] = ["census", "demo"],  # noqa: B006 (typer copies it)
) -> None:
    """Build pages of what the profiles' last runs left in build/; run nothing.

    A profile that has not run is left out.
    Example: python -m analysis site --profile own
    """
    from analysis.site import build_site

    project = Project.find()
    page = build_site(project, profiles, project.build("site"))
    console.print(f"open {project.shown(page)} in a browser")


@app.command("households-coverage")
def households_coverage_command(
    replications: Annotated[int, typer.Option(min=2, help="Samples to draw.")] = 500,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 2,
) -> None:
    """Draw many samples of simulated households and say how often intervals hold the truth.

    Example: python -m analysis households-coverage --replications 500
    """
    from analysis.households.coverage import coverage_study, load_world
    from analysis.households.coverage_figures import write_study

    project = Project.find()
    world = load_world(project.source(""))
    summary = coverage_study(
        world,
        replications=replications,
        workers=workers,
        tell=lambda line: console.print(f"  {escape(line)}"),
    )
    folder = project.figures("households_coverage")
    write_study(folder, summary)
    console.print(f"{project.shown(folder)}/")


@app.command("montecarlo")
def montecarlo_command(
    replications: Annotated[int, typer.Option(min=2, help="Simulated panels per scenario.")] = 1000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 2,
) -> None:
    """Simulate many panels and say how often each estimator's interval holds the truth.

    What is done is kept in build/montecarlo, so that an interrupted study goes on where it was.
    Example: python -m analysis montecarlo --replications 1000
    """
    from analysis.models.montecarlo import run_montecarlo
    from analysis.models.montecarlo_figures import write_study

    project = Project.find()
    study = run_montecarlo(
        project.source(""),
        project.build("montecarlo"),
        replications=replications,
        workers=workers,
        tell=lambda line: console.print(f"  {escape(line)}"),
    )
    command = f"python -m analysis montecarlo --replications {replications}"
    folder = project.figures("montecarlo")
    write_study(folder, study, command=command, minutes=study.minutes)
    console.print(f"{study.minutes:.0f} minutes of one processor; {project.shown(folder)}/")
