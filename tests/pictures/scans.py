"""DICOM files written by pydicom, and where pydicom and nibabel keep their own, for the tests of this room."""

from __future__ import annotations

import io
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

PUBLIC = Path(pydicom.__file__).parent / "data" / "test_files"
NIFTI = Path(nibabel.__file__).parent / "tests" / "data"
SECRET = "SECRET^PERSON"


def dicom(stored: np.ndarray, **tags: object) -> bytes:
    """A DICOM file of unsigned values (H, W) or (frames, H, W), with a name, a date and identifiers that must not leak.

    Tags are set on top; None removes one.
    """
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    data.PatientName, data.PatientID, data.StudyDate = SECRET, "SECRET-ID", "19990101"
    data.SeriesInstanceUID, data.StudyDescription = "1.2.3.4", "SECRET study"
    data.Modality, data.SamplesPerPixel, data.PhotometricInterpretation = "CT", 1, "MONOCHROME2"
    data.Rows, data.Columns = stored.shape[-2:]
    if stored.ndim == 3:
        data.NumberOfFrames = len(stored)
    bits = 8 * stored.dtype.itemsize
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = 0
    data.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    data["PixelData"].VR = "OB" if bits == 8 else "OW"
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


def ramp(side: int = 16, dtype: type = np.uint16) -> np.ndarray:
    """(side, side) values 0, 1, 2, ..."""
    return np.arange(side * side).astype(dtype).reshape(side, side)
