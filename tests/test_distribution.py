"""One process, several devices or several workers: the same weights, averages and logs, and each row read once."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.data.pipeline import Share, step_indexed
from tfgen.data.source import Arrays
from tfgen.distribution import cluster
from tfgen.distribution.replicas import (
    UNEQUAL,
    check_divisible,
    over_all_replicas,
    refusing_unequal_batches,
    shared_out,
)
from tfgen.errors import UserError

HERE = pathlib.Path(__file__).resolve().parent
SCRIPT = str(HERE / "replicated_training.py")
ENVIRON = {**os.environ, "PYTHONPATH": str(HERE.parent)}
SGD, ADAM, COUPLED = 1e-4, 1e-2, 1e-5  # of the distance trained; what is said to hold after 20 steps
IN_NAMESPACE = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
QUICK = ["quick", "coupled"]
COMPLETE = [  # of each kind of model, loss and input
    *("dcgan", "dcgan_adam", "critic", "noisy", "r1", "shared", "cgan", "captions"),
    *("gan", "gan_adam", "vae", "vae_adam", "ae"),
    *(
        "total_correlation",
        "discrepancy",
        "wasserstein",
        "smooth",
        "factors",
        "vamp",
        "two_stages",
        "quantized",
        "ladder",
    ),
    *("streamed", "dataset", "clipped", "accumulated", "coupled", "coupled_step"),
    *("spectral", "whole_batch", "averages", "packed", "balanced"),
]


def run(command, timeout=600):
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRON, timeout=timeout)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


def train(folder, replicas, cases):
    run([sys.executable, SCRIPT, str(folder), replicas, *cases])
    return {name: arrays(folder / f"{name}.npz") for name in replicas.split(",")}


def arrays(path):
    with np.load(path) as found:  # closed: an open file would be a warning in some later test
        return dict(found)


def train_workers(folder, workers, cases):
    """The arrays of each worker, trained in a network of their own: TensorFlow's server listens on every address."""
    if subprocess.run([*IN_NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("network namespaces are not permitted here")
    launch = [sys.executable, "-m", "tfgen.launch", f"--workers={workers}", "--restarts=0", "--"]
    run([*IN_NAMESPACE, *launch, sys.executable, SCRIPT, str(folder), "workers", *cases])
    return [arrays(folder / f"worker{index}.npz") for index in range(workers)]


def assert_equal(one, other, case):
    """Networks and averages are the same beside the way that they have come, and so is what has been logged."""
    tolerance = COUPLED if case.startswith("coupled") else ADAM if case.endswith("_adam") else SGD
    groups = {name.rpartition("/")[0] for name in one if name.startswith((f"{case}/after/net", f"{case}/after/ave"))}
    assert groups
    for group in sorted(groups):
        names = sorted(name for name in one if name.startswith(f"{group}/"))
        a, b = (np.concatenate([np.ravel(run[name]).astype(float) for name in names]) for run in (one, other))
        start = np.concatenate([np.ravel(one[n.replace("/after/", "/before/")]).astype(float) for n in names])
        assert np.isfinite(a).all() and np.linalg.norm(a - start) > 0, group
        assert np.linalg.norm(a - b) <= tolerance * np.linalg.norm(a - start), group
    logs = [name for name in one if name.startswith(f"{case}/logs/")]
    assert logs
    for name in logs:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The results of one replica and of two logical CPUs: batch norm, averages, mirroring, coupled rows."""
    return train(tmp_path_factory.mktemp("trained"), "1,2", QUICK)


@pytest.mark.plugins
@pytest.mark.parametrize("case", QUICK)  # SGD shows a wrong scale, which Adam hides
def test_two_devices_train_as_one_does(case, trained):
    assert_equal(trained["1"], trained["2"], case)


@pytest.mark.slow
def test_two_workers_train_as_one_process_does(tmp_path):
    cases = ["streamed", "coupled_step"]
    one = train(tmp_path, "1", cases)["1"]
    workers = train_workers(tmp_path, 2, cases)
    for worker in workers:
        for case in cases:
            assert_equal(one, worker, case)
    reads = [worker["streamed/reads"] for worker in workers]
    # the first example is read by every process, which looks at what its data are
    np.testing.assert_array_equal(sum(reads)[1:], one["streamed/reads"][1:])
    assert abs(int(reads[0].sum()) - int(reads[1].sum())) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("case", COMPLETE)
def test_two_and_three_devices_train_as_one_does(case, tmp_path):
    # TensorFlow's collective operations take groups of one size in a process
    results = train(tmp_path, "1,2", [case]) | train(tmp_path, "3", [case])
    for count in "23":
        assert_equal(results["1"], results[count], case)
        if case == "streamed":
            np.testing.assert_array_equal(results["1"]["streamed/reads"], results[count]["streamed/reads"])


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 3])
def test_workers_train_as_one_process_does(workers, tmp_path):
    one = train(tmp_path, "1", COMPLETE)["1"]
    for worker in train_workers(tmp_path, workers, COMPLETE):
        for case in COMPLETE:
            assert_equal(one, worker, case)


# Rows.


def test_each_replica_gets_its_rows_of_each_part():
    # a batch of 12 in two parts of six, over three replicas of which the last two are here
    places = Share(first=1, count=2, replicas=3, parts=2).places(12)
    assert places.tolist() == [[2, 3, 8, 9], [4, 5, 10, 11]]
    assert Share().places(4).tolist() == [[0, 1, 2, 3]]


def test_shares_make_up_the_whole_batches():
    images = np.random.default_rng(0).integers(0, 256, (30, 2, 3, 1), dtype=np.uint8)
    data = Arrays({"image": images, "label": np.arange(30)})
    settings = {"batch_size": 12, "seed": 4, "position": 1, "batches": 3, "mirror": True}
    whole = list(step_indexed(data, **settings).as_numpy_iterator())
    shares = [Share(0, 1, 3, 2), Share(1, 2, 3, 2)]  # two processes, of one replica and of two
    rows = [list(step_indexed(data, share=share, **settings).as_numpy_iterator()) for share in shares]
    assert [len(share) for share in rows] == [3, 6]
    for step, batch in enumerate(whole):
        for name in ("label", "image"):
            got = [rows[0][step][name], rows[1][2 * step][name], rows[1][2 * step + 1][name]]
            got = np.concatenate([part[i : i + 2] for i in (0, 2) for part in got])  # two rows of either part
            np.testing.assert_array_equal(got, batch[name])


def test_a_data_set_of_whole_batches_is_shared_out():
    batches = tf.data.Dataset.range(12).batch(12).map(lambda x: (x, 10 * x))
    found = [[a.tolist(), b.tolist()] for a, b in shared_out(batches, Share(1, 2, 3, 2)).as_numpy_iterator()]
    assert [a for a, _ in found] == [[2, 3, 8, 9], [4, 5, 10, 11]]
    assert found[0][1] == [20, 30, 80, 90]


def test_batches_that_replicas_cannot_share_are_refused():
    check_divisible(12, 3)
    with pytest.raises(UserError, match=r"a batch of 64 cannot be shared equally by 3 replicas.*such as 63 or 66"):
        check_divisible(64, 3)
    with pytest.raises(UserError, match=r"such as 3$"):
        check_divisible(2, 3)
    uneven = shared_out(tf.data.Dataset.range(8).batch(5), Share(0, 2, 2))
    with pytest.raises(UserError, match=f"{UNEQUAL}: give batches of one size"), refusing_unequal_batches():
        list(uneven)


# Layers.


def test_batch_norm_is_synchronised_only_while_a_step_is_traced():
    norm = keras.layers.BatchNormalization()
    network = keras.Sequential([keras.Input((3,)), norm, keras.layers.Dropout(0.5)])
    generator = network.layers[1].seed_generator
    with over_all_replicas([network]):
        assert norm.synchronized
        first = generator.next()  # of the only replica: as without
    assert not norm.synchronized and "next" not in vars(generator)
    assert first.numpy().tolist() == [generator.get_config()["seed"] or first.numpy()[0], 0]
    with pytest.raises(RuntimeError), over_all_replicas([network]):
        raise RuntimeError
    assert not norm.get_config()["synchronized"]


# Naming the workers.


def test_tf_config_is_read():
    config = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}
    assert cluster.cluster_config({"TF_CONFIG": json.dumps(config)}) == config
    for text in ("", "{}", json.dumps({**config, "task": {"type": "worker", "index": 2}}), "[1]"):
        with pytest.raises(UserError, match="TF_CONFIG must be like"):
            cluster.cluster_config({"TF_CONFIG": text})
    with pytest.raises(UserError, match="set TF_CONFIG, start under SLURM's srun"):
        cluster.cluster_config({})


SLURM = {"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "5", "SLURM_STEP_NODELIST": "n[9-10],m1"}
SLURM |= {"SLURM_STEP_TASKS_PER_NODE": "2(x2),1", "SLURM_NODEID": "1"}


def test_slurm_names_the_workers(monkeypatch):
    monkeypatch.setenv("PATH", "")  # no nvidia-smi
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    config = cluster.cluster_config(os.environ)
    assert config["cluster"]["worker"] == ["n9:8470", "n9:8471", "n10:8470", "n10:8471", "m1:8470"]
    assert config["task"] == {"type": "worker", "index": 3}
    monkeypatch.setenv("SLURM_NODEID", "0")  # tasks dealt out in turn
    with pytest.raises(UserError, match="srun --distribution=block"):
        cluster.cluster_config(os.environ)
    with pytest.raises(UserError, match="SLURM_STEP_NUM_TASKS is not: start the workers by srun"):
        cluster.cluster_config({"SLURM_PROCID": "0"})


def test_kubernetes_names_the_workers():
    pod = {"JOB_COMPLETION_INDEX": "1", "HOSTNAME": "train-7-1", "TFGEN_WORKERS": "3", "TFGEN_SERVICE": "workers"}
    config = cluster.cluster_config(pod)
    assert config["cluster"]["worker"] == [f"train-7-{index}.workers:8470" for index in range(3)]
    assert config["task"]["index"] == 1
    with pytest.raises(UserError, match="TFGEN_SERVICE is not: docs/distributed.md"):
        cluster.cluster_config({**pod, "TFGEN_SERVICE": ""})


def test_logical_cpus_are_asked_for_in_time():
    tf.constant(0)
    with pytest.raises(UserError, match="replicas=5 needs 5 logical CPUs.*start the training in a new process"):
        cluster.start("mirrored", 5)
    assert cluster.start("none", None) is None


def test_freed_memory_is_kept_where_the_c_library_can(monkeypatch):
    import ctypes
    import types

    calls = []
    library = types.SimpleNamespace(mallopt=lambda *values: calls.append(values))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    cluster.keep_freed_memory()
    assert calls == [(-4, 0), (-1, 2**31 - 1)]  # M_MMAP_MAX, M_TRIM_THRESHOLD
    del library.mallopt
    cluster.keep_freed_memory()


def test_one_process_agrees_with_itself():
    assert cluster.is_chief(None) and cluster.same_everywhere(None, 3)
    assert cluster.any_worker(None, True) and not cluster.any_worker(None, False)
    with pytest.raises(tf.errors.UnavailableError), cluster.together(None):
        raise tf.errors.UnavailableError(None, None, "no worker of ours")


# Recipes.


def test_recipes_of_other_replicas_are_the_same_recipe():
    recipe = tfgen.Recipe(model="vae")
    assert not recipe.differences(recipe.replace(distribute="mirrored", replicas=2))
    with pytest.raises(UserError, match="replicas=2 belongs to distribute=mirrored, got distribute=none"):
        recipe.replace(replicas=2)
    with pytest.raises(UserError, match="distribute expects one of none, mirrored, multiworker, got 'mirror'; did you"):
        recipe.replace(distribute="mirror")
