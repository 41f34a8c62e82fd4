"""Samples by the million: a folder of shards that any number of processes fill, and that is read back in a stream.

    FOLDER/samples.json                                what they are samples of: `plan.Plan`
    FOLDER/samples-00000-of-00100.array_record         --format=array_record
    FOLDER/samples-00000-of-00100/000000.png ...       --format=png, and labels.csv beside them
    FOLDER/samples-00000-of-00100.npz                  --format=npz

A shard is written under a hidden name and renamed when it is whole, so that what has its final name is complete.
"""
