"""Compiled functions of many models in one process."""

import tensorflow as tf

import tfgen
from tfgen.machine.tracing import traced


def test_functions_of_one_piece_of_code_are_counted_by_themselves(caplog):
    def made(n):
        return traced(lambda x: x + n)

    with caplog.at_level("WARNING", "tensorflow"):
        assert [int(made(n)(tf.constant(1))) for n in range(8)] == list(range(1, 9))
    assert not caplog.records


def test_a_process_may_sample_many_models_without_a_warning_of_retracing(caplog):
    with caplog.at_level("WARNING", "tensorflow"):
        for seed in range(7):
            model = tfgen.build_model("vae", (8, 8, 1), network="dense", units=[2], latent_dim=2, seed=seed)
            model.sample(2)
    assert [record.getMessage() for record in caplog.records if "retracing" in record.getMessage()] == []
