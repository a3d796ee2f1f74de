"""Fine-tuning: a network that has learnt other pictures learns one's own. What `python -m fastcnn.finetune` does, as functions.

`tuning` is where one asks for it, `job` does it, `start` makes the network that it begins with, `settings` chooses how, by the amount of data, `keeping` knows the best epoch, and `report`
says what was learnt.
"""

from fastcnn.finetuning.job import FineTuned
from fastcnn.finetuning.settings import Settings, choose
from fastcnn.finetuning.start import STARTS
from fastcnn.finetuning.tuning import fine_tune, resume

__all__ = ["STARTS", "FineTuned", "Settings", "choose", "fine_tune", "resume"]
