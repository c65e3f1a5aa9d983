"""Vitro's C interface (include/vitro/vitro_c.h) through ctypes, as far as gpu.py needs it."""
import ctypes

FLOAT32, CUDA = 0, 1


class View(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("dims", ctypes.POINTER(ctypes.c_int64)),
                ("rank", ctypes.c_int32), ("dtype", ctypes.c_int32),
                ("device_type", ctypes.c_int32), ("device_index", ctypes.c_int32)]


class SessionOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("backend", ctypes.c_char_p),
                ("threads", ctypes.c_int32), ("streams", ctypes.c_int32),
                ("fallback", ctypes.c_char_p), ("device", ctypes.c_int32),
                ("precision", ctypes.c_char_p)]


class RunOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("stream", ctypes.c_void_p)]


def view_of(tensor):
    """Of a dense float32 PyTorch tensor on the GPU, which must outlive it."""
    if str(tensor.dtype) != "torch.float32" or not tensor.is_contiguous():
        raise ValueError(f"a tensor of {tensor.dtype}, expected dense float32")
    dims = (ctypes.c_int64 * tensor.dim())(*tensor.shape)
    return View(tensor.data_ptr(), dims, tensor.dim(), FLOAT32, CUDA, tensor.device.index or 0)


class Session:
    """A checkpoint on a backend. Objects of the library live as long as the process."""

    def __init__(self, library, checkpoint, backend, precision):
        self.library = ctypes.CDLL(str(library))
        self.library.vitro_last_error.restype = ctypes.c_char_p
        plan, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        self.check(self.library.vitro_plan_load_or_build(
            str(checkpoint).encode(), None, ctypes.byref(plan)))
        options = SessionOptions(ctypes.sizeof(SessionOptions), backend.encode(), 0, 0, None, 0,
                                 precision.encode())
        self.check(self.library.vitro_session_create(plan, ctypes.byref(options),
                                                     ctypes.byref(self.session)))
        self.views = {}

    def check(self, code):
        if code != 0:
            raise RuntimeError(self.library.vitro_last_error().decode())

    def view(self, tensor):
        key = tensor.data_ptr(), tuple(tensor.shape)
        if key not in self.views:
            self.views[key] = view_of(tensor)
        return ctypes.byref(self.views[key])

    def run(self, images, logits, stream):
        """Enqueues a run on a stream (an integer, not 0)."""
        options = RunOptions(ctypes.sizeof(RunOptions), stream)
        self.check(self.library.vitro_session_run_with(
            self.session, self.view(images), ctypes.c_size_t(1), self.view(logits),
            ctypes.c_size_t(1), ctypes.byref(options)))
