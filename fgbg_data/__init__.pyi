"""The public names of the package and where each one lives; the only list of them."""

from .building.build import build, write_plan
from .building.plan_build import BuildPlan, plan_build
from .checking.report import VerifyProblem, VerifyReport
from .checking.stats import FieldStats, stats
from .checking.status import BuildStatus, SplitStatus, build_status
from .checking.verify import verify
from .codecs.depth_codes import dequantise_depth, dequantize_depth
from .config import BuildConfig
from .cutting.cut_pictures import CutoutReport, cut_pictures
from .dataset.info import info
from .dataset.layout import UnfinishedWarning
from .dataset.loaded_sample import LoadedSample
from .dataset.manifest import Manifest
from .dataset.reading import Dataset, open_dataset
from .dataset.record import ShardRecord
from .dataset.webdataset_decoder import webdataset_decoder
from .demo import write_demo
from .depth.catalogue import EstimatorInfo, EstimatorSpeed, list_estimators, measure_estimator
from .depth.estimator import DepthEstimator
from .depth.registry import Family, load_estimator, register_estimator
from .deriving.convert import convert
from .deriving.merge import merge
from .deriving.relabel import relabel
from .deriving.resplit import resplit
from .errors import FgbgError
from .exam.entry import ExamEntry, ExamPicture
from .exam.opening import Exam, open_exam
from .exam.protocol import ExamProtocol
from .exam.report import ExamReport
from .examining import examine_estimators
from .exporting.export_dataset import ExportReport, export_dataset
from .fields import Field, register_field
from .labelling import compare_estimators, label_pictures
from .publishing import push
from .runtime.progress import ProgressReporter
from .sample import Sample
from .shards import Format, register_format
from .surveying import GroundReport, survey_ground
from .viewing.page import export_page
from .viewing.preview import preview
from .viewing.view import view

__version__: str

__all__ = [
    "BuildConfig",
    "BuildPlan",
    "BuildStatus",
    "CutoutReport",
    "Dataset",
    "DepthEstimator",
    "EstimatorInfo",
    "EstimatorSpeed",
    "Exam",
    "ExamEntry",
    "ExamPicture",
    "ExamProtocol",
    "ExamReport",
    "ExportReport",
    "Family",
    "FgbgError",
    "Field",
    "FieldStats",
    "Format",
    "GroundReport",
    "LoadedSample",
    "Manifest",
    "ProgressReporter",
    "Sample",
    "ShardRecord",
    "SplitStatus",
    "UnfinishedWarning",
    "VerifyProblem",
    "VerifyReport",
    "build",
    "build_status",
    "compare_estimators",
    "convert",
    "cut_pictures",
    "dequantise_depth",
    "dequantize_depth",
    "examine_estimators",
    "export_dataset",
    "export_page",
    "info",
    "label_pictures",
    "list_estimators",
    "load_estimator",
    "measure_estimator",
    "merge",
    "open_dataset",
    "open_exam",
    "plan_build",
    "preview",
    "push",
    "register_estimator",
    "register_field",
    "register_format",
    "relabel",
    "resplit",
    "stats",
    "survey_ground",
    "verify",
    "view",
    "webdataset_decoder",
    "write_demo",
    "write_plan",
]
