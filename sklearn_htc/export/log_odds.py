"""Log-odds of fitted predictors as torch modules that have a form in ONNX."""

from torch import Tensor, nn

from sklearn_htc.export.decoding import CalibratedLogOdds
from sklearn_htc.export.inputs import InputLayout
from sklearn_htc.export.label_texts import AdjustedByTexts
from sklearn_htc.export.scores import NetworkScores, make_scores
from sklearn_htc.export.updated import UpdatedLogOdds
from sklearn_htc.predictor import LogOddsPredictor, TwoPathPredictor
from sklearn_htc.updating.predictor import UpdatedPredictor

__all__ = ["make_log_odds"]


def make_log_odds(predictor: LogOddsPredictor, layout: InputLayout) -> nn.Module:
    """Make a module that computes what a decoder reads.

    Parameters
    ----------
    predictor : TwoPathPredictor or UpdatedPredictor
        Fitted.
    layout : InputLayout
        What the file reads.

    Returns
    -------
    log_odds : Module
        From the inputs of `onnx_inputs` to log-odds (B, N).

    Raises
    ------
    NotImplementedError
        If a part has no form in ONNX.
    """
    if isinstance(predictor, UpdatedPredictor):
        former = make_log_odds(predictor.former, layout)
        return UpdatedLogOdds(predictor, former, layout)
    return FittedLogOdds(predictor.origin, layout)


class FittedLogOdds(nn.Module):
    """`TwoPathPredictor.iter_log_odds`.

    Parameters
    ----------
    predictor : TwoPathPredictor
        Fitted.
    layout : InputLayout
        What the file reads.
    """

    def __init__(self, predictor: TwoPathPredictor, layout: InputLayout) -> None:
        super().__init__()
        wide, deep, weight = predictor.wide, predictor.deep, predictor.deep_weight
        self.wide = None if wide is None else make_scores(wide, layout)
        self.deep = None
        if deep is not None and (wide is None or weight):
            if deep.net.mixed_precision is True:
                raise NotImplementedError(
                    "A network with mixed_precision=True predicts in bfloat16, and the "
                    "file would in float32: fit with mixed_precision=False."
                )
            self.deep = NetworkScores(deep, None if wide is None else weight, layout)
        calibration = predictor.read_out.calibration
        self.calibrate = (
            nn.Identity() if calibration is None else CalibratedLogOdds(calibration)
        )
        self.of_texts = None
        if predictor.label_texts is not None:
            self.of_texts = AdjustedByTexts(predictor.label_texts)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Score and calibrate documents.

        Parameters
        ----------
        inputs : dict
            As `onnx_inputs` gives them.

        Returns
        -------
        log_odds : Tensor of shape (B, N)
            What the decoder reads.
        """
        wide = None if self.wide is None else self.wide(inputs)
        scores = wide
        if self.deep is not None:
            deep = self.deep(inputs)
            scores = deep if wide is None else wide + deep
        log_odds: Tensor = self.calibrate(scores)
        if self.of_texts is not None:
            log_odds = self.of_texts(inputs, log_odds, wide)
        return log_odds
