import torch

from leanspike.nn import SameConv1d, attend


def test_same_convolution_is_as_torchs():
    conv = SameConv1d(3, 5, 4)
    x = torch.rand(2, 3, 7)
    padded = torch.nn.functional.pad(x, (1, 2))
    assert conv(x).shape == (2, 5, 7)
    expected = torch.stack(
        [
            torch.stack([(padded[n, :, i : i + 4] * conv.weight[m]).sum() for i in range(7)])
            for n in range(2)
            for m in range(5)
        ]
    ).view(2, 5, 7)
    torch.testing.assert_close(conv(x), expected)


def test_attention_against_loops():
    T, N, C = 5, 2, 3
    along_channels, along_time = SameConv1d(T, T, 4).double(), SameConv1d(C, C, 4).double()
    x = torch.rand(T, N, C, 4, 2, dtype=torch.float64)
    z = x.mean((3, 4))
    expected = torch.empty_like(x)
    for n in range(N):
        for t in range(T):
            for c in range(C):
                gate_t = gate_c = 0.0
                for k in range(4):
                    if 0 <= c + k - 1 < C:
                        gate_t += (along_channels.weight[t, :, k] * z[:, n, c + k - 1]).sum()
                    if 0 <= t + k - 1 < T:
                        gate_c += (along_time.weight[c, :, k] * z[t + k - 1, n]).sum()
                gate = 1 / (1 + torch.exp(-torch.as_tensor(gate_t * gate_c)))
                expected[t, n, c] = x[t, n, c] * gate
    torch.testing.assert_close(attend(x, along_channels, along_time), expected)


def test_zeros_stay_zeros():
    x = (torch.rand(4, 1, 2, 3, 3) > 0.5).float()
    y = attend(x, SameConv1d(4, 4, 4), SameConv1d(2, 2, 4))
    assert torch.equal(y == 0, x == 0)
