"""Predictions on a Spark cluster."""

from collections.abc import Iterator

import pandas as pd
from forms import refuse_other_forms
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, StringType, StructType

from sklearn_htc.persistence import load


def labels_of_frame(path: str, texts: DataFrame) -> DataFrame:
    """Predict the labels of a frame of texts, partition by partition.

    Parameters
    ----------
    path : str
        Of a file that `sklearn_htc.persistence.save` has written, and that every worker
        can read. Its estimator was fitted to raw texts and label collections.
    texts : DataFrame
        With a column `text`; of any size: a worker holds some thousand rows at a time.

    Returns
    -------
    labels : DataFrame
        With a column `labels`, an array of strings, beside the others; computed when it
        is asked for.

    Raises
    ------
    ValueError
        If it was fitted to labels of another form.
    """
    refuse_other_forms(load(path))

    def predict(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        clf = load(path)
        for batch in batches:
            labels = clf.predict(batch["text"].tolist())
            yield batch.assign(labels=[list(map(str, each)) for each in labels])

    # A copy, as `add` changes what it is called on.
    form = StructType(list(texts.schema)).add("labels", ArrayType(StringType()))
    return texts.mapInPandas(predict, form)
