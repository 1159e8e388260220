"""The toy of Figure 3: classes whose angles can be seen, and their gaps."""

from keras_arcface.studies.toy.judging import judge as judge
from keras_arcface.studies.toy.pictures import SETS as SETS
from keras_arcface.studies.toy.pictures import ToyPictures as ToyPictures
from keras_arcface.studies.toy.running import check_options as check_options
from keras_arcface.studies.toy.running import toy as toy
from keras_arcface.studies.toy.table import to_text as to_text
from keras_arcface.studies.toy.training import LOSSES as LOSSES
from keras_arcface.studies.toy.training import ToySettings as ToySettings
from keras_arcface.studies.toy.training import TrainedToy as TrainedToy
from keras_arcface.studies.toy.training import start_toy as start_toy
from keras_arcface.studies.toy.training import train_toy as train_toy
