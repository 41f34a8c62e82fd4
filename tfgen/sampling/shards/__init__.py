"""Folders of shards, for samples by the million: written by any number of processes, and read as a stream.

    FOLDER/samples.json                                the recipe of the samples and the division: `plan.Plan`
    FOLDER/samples-00000-of-00100.array_record         --format=array_record
    FOLDER/samples-00000-of-00100/000000.png ...       --format=png, and labels.csv beside them
    FOLDER/samples-00000-of-00100.npz                  --format=npz

A shard is written under a hidden name and renamed when it is complete: a final name means a complete shard.
"""
