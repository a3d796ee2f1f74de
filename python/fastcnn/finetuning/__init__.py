"""Fine-tuning: a network that has learnt other pictures learns one's own. What `python -m fastcnn.finetune` does, as functions.

`tuning` has the job, `start` makes the network that it begins with, `settings` chooses how, by the amount of data, `keeping` knows the best epoch, and `report`
says what was learnt.
"""

from fastcnn.finetuning.settings import Settings, choose
from fastcnn.finetuning.start import STARTS
from fastcnn.finetuning.tuning import FineTuned, fine_tune, resume

__all__ = ["STARTS", "FineTuned", "Settings", "choose", "fine_tune", "resume"]
