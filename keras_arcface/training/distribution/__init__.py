"""Training on several devices and machines."""

from keras_arcface.training.distribution.base import Placement as Placement
from keras_arcface.training.distribution.checks import (
    check_devices as check_devices,
)
from keras_arcface.training.distribution.cluster import Cluster as Cluster
from keras_arcface.training.distribution.placement import placement as placement
from keras_arcface.training.distribution.sharded import (
    sharded_centers as sharded_centers,
)
