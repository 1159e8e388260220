"""Training: recipes, one run, and its callbacks."""

from keras_arcface.training.angle_monitor import AngleMonitor as AngleMonitor
from keras_arcface.training.averaging import (
    averaged_weights as averaged_weights,
)
from keras_arcface.training.averaging import take_averages as take_averages
from keras_arcface.training.averaging import (
    training_weights_kept as training_weights_kept,
)
from keras_arcface.training.checkpoints import Checkpoints as Checkpoints
from keras_arcface.training.class_means import class_means as class_means
from keras_arcface.training.class_means import (
    set_class_centers as set_class_centers,
)
from keras_arcface.training.cleaning import CleaningReport as CleaningReport
from keras_arcface.training.cleaning import find_noise as find_noise
from keras_arcface.training.distillation import TeacherGuard as TeacherGuard
from keras_arcface.training.distillation import label_free as label_free
from keras_arcface.training.distillation import with_teacher as with_teacher
from keras_arcface.training.distilled_model import (
    DistilledModel as DistilledModel,
)
from keras_arcface.training.distribution import Cluster as Cluster
from keras_arcface.training.distribution import (
    sharded_centers as sharded_centers,
)
from keras_arcface.training.log_files import EpochLog as EpochLog
from keras_arcface.training.log_files import StepLog as StepLog
from keras_arcface.training.loss_diagnosis import LossDiagnosis as LossDiagnosis
from keras_arcface.training.loss_diagnosis import chance_loss as chance_loss
from keras_arcface.training.loss_diagnosis import (
    collapsed_loss as collapsed_loss,
)
from keras_arcface.training.margin_warmup import MarginWarmup as MarginWarmup
from keras_arcface.training.nan_guard import NaNGuard as NaNGuard
from keras_arcface.training.optimizers import CoupledSGD as CoupledSGD
from keras_arcface.training.optimizers import make_optimizer as make_optimizer
from keras_arcface.training.progress import TrainingProgress as TrainingProgress
from keras_arcface.training.projector import write_projector as write_projector
from keras_arcface.training.recipe import Recipe as Recipe
from keras_arcface.training.saved_run import Place as Place
from keras_arcface.training.saved_run import SavedRun as SavedRun
from keras_arcface.training.saved_run import resume_point as resume_point
from keras_arcface.training.schedules import current_rate as current_rate
from keras_arcface.training.schedules import make_schedule as make_schedule
from keras_arcface.training.schedules import warmup_cosine as warmup_cosine
from keras_arcface.training.tensorboard_log import (
    TensorBoardLog as TensorBoardLog,
)
from keras_arcface.training.trainer import TrainResult as TrainResult
from keras_arcface.training.trainer import train as train
from keras_arcface.training.verification import (
    VerificationEvaluator as VerificationEvaluator,
)
from keras_arcface.training.verification import embed_data as embed_data
from keras_arcface.training.verification import open_sets as open_sets
from keras_arcface.training.verification import pairs_for as pairs_for
from keras_arcface.training.verification import verify as verify
from keras_arcface.training.watching import make_callbacks as make_callbacks
from keras_arcface.training.watching import make_judge as make_judge
