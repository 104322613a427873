"""Folders of labelled photos: which photos, which labels, which split, and are they sound.

Either ``DATA/{train,validation[,test]}/<label>/…`` or ``DATA/<label>/…`` with a split by content. Each photo
is known by the SHA-256 of its bytes, so nothing depends on names or on the order of a folder.

What is found where:

- ``folders``: which files a folder holds: links, hidden files, files that are no photos;
- ``layout``: which folders are splits and which are classes;
- ``listing``: both together: the photos with their labels, before any is opened;
- ``checking``: every file decoded once;
- ``splitting``: validation photos chosen by content;
- ``balance``: how even the classes are, and weights that make up for it;
- ``loading``: all of it, in order;
- ``lines``: what is told on a terminal.

Known by bytes means: a picture that was saved anew (scaled, or compressed again) is another photo. A perceptual hash
would find some of these, but takes photos of a series, of plain surfaces or of products on white for one.
"""

from __future__ import annotations

from tlx.core.photos.balance import class_weights
from tlx.core.photos.folders import folders_in, label_of, photos_below
from tlx.core.photos.layout import SPLIT_FOLDERS
from tlx.core.photos.lines import data_lines
from tlx.core.photos.loading import load_dataset
from tlx.core.photos.records import SPLITS, Dataset, Photo, Problem, ProblemKind, Split
from tlx.core.photos.splitting import VALIDATION_SHARE

__all__ = [
    "SPLITS",
    "SPLIT_FOLDERS",
    "VALIDATION_SHARE",
    "Dataset",
    "Photo",
    "Problem",
    "ProblemKind",
    "Split",
    "class_weights",
    "data_lines",
    "folders_in",
    "label_of",
    "load_dataset",
    "photos_below",
]
