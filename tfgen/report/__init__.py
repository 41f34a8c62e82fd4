"""Reports on one run, or on several side by side, as one self-contained HTML file.

    write_report(["runs/dcgan-fashion_mnist_mini"])              # runs/dcgan-fashion_mnist_mini/report.html
    write_report(["runs/a", "runs/b"], "comparison.html")

Neither importing this package nor a report without pictures of a model starts TensorFlow.
"""

from tfgen.report.report import write_report

__all__ = ["write_report"]
