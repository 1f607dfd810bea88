"""Found architectures as files that do not need this engine: code, weights, ONNX, a card."""
