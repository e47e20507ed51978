"""On-disk format for large data sets: a folder of Parquet shards and a card, read block by block.

One row of a shard is one sample. Its columns are ``sample_id``; ``group``, ``split`` and ``y``, if the data has them;
and ``x_<modality>`` for every modality. A modality is a list of numbers, or a list of lists for sequences, and null if
it is missing. A block is one row group of a shard. ``card.json`` describes the content and origin of the shards and is
written last.
"""

from redcore.data.store._card import Origin, StoreCard
from redcore.data.store._reader import Store, is_store
from redcore.data.store._stored import block_numbers, bytes_per_sample
from redcore.data.store._writer import StoreWriter, write_store

__all__ = [
    "Origin",
    "Store",
    "StoreCard",
    "StoreWriter",
    "block_numbers",
    "bytes_per_sample",
    "is_store",
    "write_store",
]
