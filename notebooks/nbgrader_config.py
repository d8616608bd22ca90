"""This folder is an nbgrader course: run `nbgrader` here, and see README.md."""

import os
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent


def configure(c):
    """Put the judge in: what is not the learner's is put back first, the points come between execution and saving."""
    sys.path.insert(0, str(HERE.parent))
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it runs `alembic`

    from nbgrader.converters import Autograde
    from nbgrader.preprocessors import SaveAutoGrades
    from sqlalchemy.exc import SAWarning

    from autograder.classroom.collecting import CheckedExtractor
    from autograder.classroom.judged_points import JudgedPoints, RestoredCells
    from autograder.classroom.nbgrader_shown import harmless, quiet
    from autograder.judge.exercises import find_parts

    # nbgrader adds objects in an order that SQLAlchemy 2 remarks on; what it writes is right.
    warnings.filterwarnings("ignore", message="Object of type .* not in session", category=SAWarning)
    quiet()

    c.CourseDirectory.root = str(HERE)
    c.CourseDirectory.course_id = "sfratorch"
    c.FormgradeExtension.debug = False  # it would show this configuration, and remark that it holds classes

    # The learner's files, of earlier parts too, stay beside the notebook while it runs; everything else is put back.
    parts = find_parts()
    learners = [str(Path(part.name, file)) for part in parts for file in part.files]
    c.Autograde.exclude_overwriting = {part.short_name: learners for part in parts}
    c.Execute.timeout = 300
    c.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--log-level=ERROR"]  # not that it listens

    # Else a submission's scripts run in the browser of who grades it, with all that JupyterLab lets them do.
    c.HTMLExporter.sanitize_html = True  # what cells print
    c.HTMLExporter.filters = {"strip_files_prefix": harmless}  # Markdown, answers too

    traits = Autograde.class_traits()
    c.Autograde.sanitize_preprocessors = [RestoredCells, *traits["sanitize_preprocessors"].default()]
    steps = list(traits["autograde_preprocessors"].default())
    steps.insert(steps.index(SaveAutoGrades), JudgedPoints)
    c.Autograde.autograde_preprocessors = steps

    c.ZipCollectApp.extractor_plugin = CheckedExtractor
    c.FileNameCollectorPlugin.named_regexp = r".*[/\\]extracted[/\\](?P<student_id>[^/\\]+)[/\\](?P<file_id>.+)\.\w+$"
    c.FileNameCollectorPlugin.valid_ext = [".ipynb", ".py"]


try:
    configure(get_config())  # noqa: F821  # traitlets gives it
except Exception as error:
    # nbgrader would go on without it, and take the points that the submission's own kernel claims.
    raise SystemExit(f"{__file__} must load, for it puts the judge in; got {error!r}. Use nbgrader of .venv.") from None
