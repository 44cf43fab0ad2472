"""The training objective: all losses put together (Eq. 6)."""

from torch import Tensor, nn

from sklearn_htc.network.hierarchical_model import ModelOutput
from sklearn_htc.network.losses.loss_weight import LossWeight
from sklearn_htc.network.losses.mutual_information import TextLabelDiscriminator
from sklearn_htc.network.losses.prior_matching import LabelPriorDiscriminator
from sklearn_htc.network.losses.recursive_regularization import RecursiveRegularization
from sklearn_htc.network.masking import masked_mean

__all__ = ["HTCInfoMaxObjective"]


class HTCInfoMaxObjective(nn.Module):
    """L = L_c + a F L_MI + b (1 - F) L_pr + recursive regularisation (Eq. 6).

    The discriminators and the loss weight are its submodules, so that one optimiser
    trains them with the model. In evaluation mode only L_c is computed.

    Parameters
    ----------
    classification : Module
        From (logits, target) to L_c of each document.
    text_label_discriminator : TextLabelDiscriminator or None
        D_MI; None leaves out L_MI.
    label_prior_discriminator : LabelPriorDiscriminator or None
        D_pr; None leaves out L_pr.
    loss_weight : LossWeight or None
        F; None where both are left out (HiAGM).
    recursive_regularization : RecursiveRegularization
        Over the edges of the hierarchy.
    mutual_information_weight : float, default=1.0
        a, which the paper has at 1.
    label_prior_weight : float, default=1.0
        b, which the paper has at 1.
    recursive_regularization_weight : float, default=1e-6
        Factor of the recursive regularisation.
    """

    def __init__(
        self,
        *,
        classification: nn.Module,
        text_label_discriminator: TextLabelDiscriminator | None,
        label_prior_discriminator: LabelPriorDiscriminator | None,
        loss_weight: LossWeight | None,
        recursive_regularization: RecursiveRegularization,
        mutual_information_weight: float = 1.0,
        label_prior_weight: float = 1.0,
        recursive_regularization_weight: float = 1e-6,
    ) -> None:
        super().__init__()
        self.classification = classification
        self.text_label_discriminator = text_label_discriminator
        self.label_prior_discriminator = label_prior_discriminator
        self.loss_weight = loss_weight
        self.recursive_regularization = recursive_regularization
        self.mutual_information_weight = mutual_information_weight
        self.label_prior_weight = label_prior_weight
        self.recursive_regularization_weight = recursive_regularization_weight

    def forward(self, output: ModelOutput, target: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the loss of a batch.

        Parameters
        ----------
        output : ModelOutput
            Of a batch of B documents.
        target : tuple of Tensor (B, N) and Tensor (B,)
            The labels of each document, 0 or 1, and the weight of each document.

        Returns
        -------
        loss : Tensor of shape ()
            The weighted sum over documents, over B.
        """
        labels_of, sample_weight = target
        loss = self.classification(output.logits, labels_of)
        if self.training and self.loss_weight is not None:
            weight = self.loss_weight(
                masked_mean(output.text, output.mask), output.labels
            )
            loss = loss + self._information_maximization(output, labels_of, weight)
        loss = (loss * sample_weight).mean()
        if self.training and self.recursive_regularization_weight:
            penalty = self.recursive_regularization(output.classifier_weight)
            loss = loss + self.recursive_regularization_weight * penalty
        return loss

    def _information_maximization(
        self, output: ModelOutput, target: Tensor, weight: Tensor
    ) -> Tensor:
        """Compute a F L_MI + b (1 - F) L_pr of each document (B,), with F (B,)."""
        text, mask, labels = output.text, output.mask, output.labels
        loss = text.new_zeros(len(text))
        if self.text_label_discriminator is not None:
            mutual = self.text_label_discriminator.loss(text, mask, labels, target)
            loss = loss + self.mutual_information_weight * weight * mutual
        if self.label_prior_discriminator is not None:
            prior = self.label_prior_discriminator.loss(labels)
            loss = loss + self.label_prior_weight * (1 - weight) * prior
        return loss
