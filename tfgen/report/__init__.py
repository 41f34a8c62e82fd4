"""Reports: what a run, or several beside each other, came to, as one HTML file that needs nothing else.

    write_report(["runs/dcgan-fashion_mnist_mini"])              # runs/dcgan-fashion_mnist_mini/report.html
    write_report(["runs/a", "runs/b"], "comparison.html")

Importing this starts no TensorFlow, and neither does a report without pictures of a model.
"""

from tfgen.report.report import write_report

__all__ = ["write_report"]
