"""The on-disk catalogue: one manifest, immutable segments, stable ids.

    <catalogue>/
      manifest.json              format, version, generation, and the checksum of every other file
      encoder/<digest>/          head.json + head.safetensors (where the model has a head), quantiser.json
      segments/<id>/             items.parquet  ids.npy  boxes.cbx  embeddings.npy (optional), rows in index order
      deleted-<generation>.npy   tombstones (optional), and beside it, where there is any:
      amended-<generation>.parquet   rows that were amended since their segment was written
      removed-<generation>.parquet   what was deleted on purpose, and so is not added again
      recipe-<generation>.toml       how the catalogue was made
      generations/g000001.json   manifests of earlier generations, as long as all their files are kept

Renaming a new manifest into place is the only commit point. Readers keep serving the generation that they opened.
"""

from clip_branches.catalogue.change import CatalogueChange
from clip_branches.catalogue.manifest import Manifest, read_manifest
from clip_branches.catalogue.reader import Catalogue, EncoderSpec, list_catalogues
from clip_branches.catalogue.segment import Segment
from clip_branches.catalogue.sources import is_url, resolve_source
from clip_branches.catalogue.writer import CatalogueWriter

__all__ = [
    "Catalogue",
    "CatalogueChange",
    "CatalogueWriter",
    "EncoderSpec",
    "Manifest",
    "Segment",
    "is_url",
    "list_catalogues",
    "read_manifest",
    "resolve_source",
]
