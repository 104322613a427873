"""The recipes that come along.

The four named ``book-…`` are those of section 5.3 of F. Chollet, *Deep Learning with Python*, 1st edition (Manning,
2017), and ``book-r`` that of the R edition (Chollet & Allaire, 2018), with their exact numbers: 2,000 photos, batches
of 20. Differences that remain: photos are resized by area (the book: nearest pixel), and an epoch shows each photo
exactly once (the book's endless generator does, too, as 100 steps of 20 are 2,000).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tlx.core import augmentation
from tlx.core.recipes.recipe import Head, Phase, Recipe
from tlx.errors import InputError

_POOLED_HEAD: Final = Head(pooling="average", units=256, dropout=0.5, binary_sigmoid=False)
_BOOK_HEAD: Final = Head(pooling="flatten", units=256, dropout=0.5, binary_sigmoid=True)
_BOOK_HEAD_END_TO_END: Final = replace(_BOOK_HEAD, dropout=0.0)

_BOOK_FEATURES: Final = Recipe(
    name="book-features",
    summary="the book's fast feature extraction: pixels / 255, flattened features, RMSprop 2e-5, 30 epochs",
    size_hw=(150, 150),
    preprocessing="rescale",
    head=_BOOK_HEAD,
    phases=(Phase(name="head", epochs=30, batch_size=20, optimizer="rmsprop", learning_rate=2e-5),),
    precision="float32",
)
_BOOK_FROZEN: Final = Phase(
    name="frozen", epochs=30, batch_size=20, optimizer="rmsprop", learning_rate=2e-5, views="fresh"
)
_BOOK_AUGMENTED: Final = replace(
    _BOOK_FEATURES,
    name="book-augmented",
    summary="the book's feature extraction with augmentation: frozen base, no dropout, 30 epochs",
    head=_BOOK_HEAD_END_TO_END,
    phases=(_BOOK_FROZEN,),
    augmentation=augmentation.BOOK,
)
_BOOK_FINE_TUNING: Final = Phase(
    name="fine-tuning",
    epochs=100,
    batch_size=20,
    optimizer="rmsprop",
    learning_rate=1e-5,
    unfreeze_from="block5_conv1",
    views="fresh",
)

PRESETS: Final = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="default",
            summary="head on frozen VGG16, then fine-tuning from block5 up on augmented views",
            size_hw=(150, 150),
            preprocessing="imagenet",
            head=_POOLED_HEAD,
            phases=(
                Phase(
                    name="head",
                    epochs=5,
                    batch_size=32,
                    optimizer="adam",
                    learning_rate=1e-3,
                    views=8,
                    label_smoothing=0.05,
                ),
                Phase(
                    name="fine-tuning",
                    epochs=16,
                    batch_size=32,
                    optimizer="adamw",
                    learning_rate=1e-4,
                    unfreeze_from="block5_conv1",
                    views=8,
                    schedule="cosine",
                    warmup_epochs=1.0,
                    weight_decay=1e-4,
                    label_smoothing=0.05,
                    keep="best",
                ),
            ),
            augmentation=augmentation.DEFAULT,
        ),
        Recipe(
            name="features",
            summary="frozen VGG16 with ImageNet's own preprocessing, average-pooled head: the fastest",
            size_hw=(150, 150),
            preprocessing="imagenet",
            head=_POOLED_HEAD,
            phases=(Phase(name="head", epochs=30, batch_size=32, optimizer="adam", learning_rate=1e-3, keep="best"),),
        ),
        _BOOK_FEATURES,
        _BOOK_AUGMENTED,
        replace(
            _BOOK_AUGMENTED,
            name="book-finetune",
            summary="the book's fine-tuning: book-augmented, then block5 at RMSprop 1e-5 for 100 epochs",
            phases=(_BOOK_FROZEN, _BOOK_FINE_TUNING),
        ),
        replace(
            _BOOK_AUGMENTED,
            name="book-r",
            summary="the R edition's fine-tuning: RMSprop 1e-5 also for the frozen phase, then from block3 up",
            phases=(
                replace(_BOOK_FROZEN, learning_rate=1e-5),
                replace(_BOOK_FINE_TUNING, unfreeze_from="block3_conv1"),
            ),
        ),
    )
}
DEFAULT_PRESET: Final = "default"


def find_preset(name: str) -> Recipe:
    """Look a preset up by its name.

    Raises:
        InputError: If there is none; the message lists those that there are.
    """
    if name not in PRESETS:
        raise InputError(f"no preset {name!r}: expected one of {', '.join(PRESETS)}")
    return PRESETS[name]
