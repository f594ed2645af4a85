"""A world of the baseline: what training compares and the benchmark times. Never published."""

from dataclasses import dataclass

from model.action_space import ActionSpace
from model.ar.transformer import ARTransformer
from model.ar.vocabulary import ActionVocabulary
from model.tokenizer.fsq import FSQ


@dataclass(frozen=True, slots=True, kw_only=True)
class ARWorld:
    action_space: ActionSpace
    vocabulary: ActionVocabulary
    tokenizer: FSQ
    transformer: ARTransformer
