"""Sources of images, one a file; each gives the same listing: a row an image with id, source, caption and metadata.

folder       a folder of images, searched recursively             folder.py
urls         a CSV, TSV or Parquet file of web addresses          links.py, tables.py; fetched first
unsplash     the folder of Unsplash's data set                    unsplash.py; fetched first
img2dataset  shards in folders or webdataset tars                 img2dataset.py, tars.py
embeddings   clip-retrieval's img_emb, features.npy               embeddings.py
cifar10      CIFAR-10 through torchvision                         cifar10.py
huggingface  Parquet files with the images' bytes                 huggingface.py
"""
