"""The on-disk store: a folder of Parquet shards and a card, read by row groups.

One row is one sample. Columns: ``sample_id``; ``group``, ``split`` and ``y`` where the data has them; and
``x_<modality>``, a list of numbers, or for sequences a list of lists, null where the sample lacks the modality.
``card.json``, written last, says what the shards hold and where it came from.
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
